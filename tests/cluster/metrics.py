"""What autoscalers of a test plane ask: a Prometheus, and who serves external metrics behind the API server."""

import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.certificates import self_signed
from tests.cluster.plane import LOOPBACK, Plane, binaries, ended, started

from voiceplane.cli.ports import free_ports

SERVER, NAMESPACE = "external-metrics", "external-metrics"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus, and the file that names whom it asks."""

    targets: Path
    address: str

    def scrape(self, pods: dict[str, dict[str, Any]]) -> None:
        """Ask at these addresses, each with the metadata of its pod."""
        groups = [{"targets": [address], "labels": _discovered(meta)} for address, meta in pods.items()]
        written = self.targets.with_suffix(".new")
        written.write_text(json.dumps(groups))
        written.rename(self.targets)


def _discovered(meta: dict[str, Any]) -> dict[str, str]:
    """Return a pod as Prometheus' discovery of pods tells it."""
    labels = {
        f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', key)}": value
        for key, value in meta["labels"].items()
    }
    return labels | {"__meta_kubernetes_namespace": meta["namespace"]}


@contextlib.asynccontextmanager
async def running_prometheus(folder: Path) -> AsyncIterator[Prometheus]:
    """Run a Prometheus until the block ends.

    Debian's is built without the discovery of Kubernetes' pods; a file tells them, with the same labels.
    """
    found = await binaries("prometheus")
    folder.mkdir(parents=True)  # noqa: ASYNC240  (a folder of the test)
    told = Prometheus(folder / "targets.json", f"http://{LOOPBACK}:{next(free_ports())}")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_scraping(told.targets)))
    flags = (f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'tsdb'}")
    listening = f"--web.listen-address={told.address.removeprefix('http://')}"
    process = await started(found / "prometheus", *flags, listening, log=folder / "prometheus.log")
    try:
        yield told
    finally:
        await ended(process)


def _scraping(targets: Path) -> dict[str, object]:
    """Return what the PodMonitor of chart voiceplane-region comes to: the pods' labels are labels of the metric."""
    kept = [
        {"source_labels": [f"__meta_kubernetes_pod_label_{label}"], "target_label": label}
        for label in ("voiceplane_dev_agent", "voiceplane_dev_revision")
    ]
    kept.append({"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"})
    found = [{"files": [str(targets)], "refresh_interval": "1s"}]
    job = {"job_name": "gateways", "file_sd_configs": found, "relabel_configs": kept}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}


async def registered(plane: Plane, folder: Path, port: int) -> tuple[str, ...]:
    """Lead a plane's API server to external metrics at a port of this machine; return the flags of who serves there."""
    certificates = folder / "certs"
    certificates.mkdir(parents=True)  # noqa: ASYNC240  (a folder of the test)
    await self_signed(certificates, "tls", f"subjectAltName=DNS:localhost,DNS:{SERVER}.{NAMESPACE}.svc")
    authority = base64.b64encode((certificates / "tls.crt").read_bytes()).decode()
    await plane.kubectl("apply", "-f", "-", stdin=SERVED % (port, authority, port))
    return (
        *(f"--secure-port={port}", f"--bind-address={LOOPBACK}", f"--cert-dir={certificates}"),
        *(f"--tls-cert-file={certificates / 'tls.crt'}", f"--tls-private-key-file={certificates / 'tls.key'}"),
        f"--lister-kubeconfig={plane.kubeconfig}",
        *(f"--authentication-kubeconfig={plane.kubeconfig}", f"--authorization-kubeconfig={plane.kubeconfig}"),
    )


# The API server finds the server of metrics on this machine; the autoscalers of the controller manager may read it.
SERVED = """
apiVersion: v1
kind: Namespace
metadata: {name: external-metrics}
---
apiVersion: v1
kind: Service
metadata: {name: external-metrics, namespace: external-metrics}
spec: {type: ExternalName, externalName: localhost, ports: [{port: %d}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.external.metrics.k8s.io}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  caBundle: %s
  service: {name: external-metrics, namespace: external-metrics, port: %d}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: external-metrics-reader}
rules: [{apiGroups: [external.metrics.k8s.io], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: hpa-controller-external-metrics}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: external-metrics-reader}
subjects: [{kind: ServiceAccount, name: horizontal-pod-autoscaler, namespace: kube-system}]
"""
