"""KEDA beside a test plane: its definitions alone, or its operator and its metrics server too."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.cluster.certificates import self_signed
from tests.cluster.plane import LOOPBACK, Plane, binaries, ended, started

from voiceplane.cli.ports import free_ports

POLL_S = 0.3
SERVER = "keda-metrics-apiserver"


async def install_kinds(plane: Plane) -> None:
    """Install KEDA's definitions, from the pinned module."""
    found = await binaries("keda-crds")
    crds = str((found / "keda-crds").resolve())  # kubectl follows no link to a folder
    await plane.kubectl("apply", "--server-side", "-f", crds)
    for _ in range(200):  # kubectl wait fails on a definition that has no condition at all yet
        if all(map(_established, json.loads(await plane.kubectl("get", "crds", "-o", "json"))["items"])):
            return
        await asyncio.sleep(POLL_S)
    raise AssertionError("KEDA's definitions are not established")


def _established(raw: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = raw.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


@dataclass(frozen=True, slots=True)
class Keda:
    """Where the processes beside a plane write and listen."""

    folder: Path
    prometheus: str

    def scrape(self, targets: dict[str, dict[str, str]]) -> None:
        """Have Prometheus ask these addresses, each with the labels of its pod."""
        groups = [
            {
                "targets": [address],
                "labels": {f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', key)}": value
                           for key, value in labels.items()},
            }
            for address, labels in targets.items()
        ]  # fmt: skip
        written = self.folder / "targets.json.new"
        written.write_text(json.dumps(groups))
        written.rename(self.folder / "targets.json")


@contextlib.asynccontextmanager
async def running_keda(plane: Plane, folder: Path) -> AsyncIterator[Keda]:
    """Run a Prometheus that asks what `Keda.scrape` names, and KEDA's operator and metrics server."""
    found = await binaries("prometheus", "keda-operator", "keda-adapter")
    await install_kinds(plane)
    await asyncio.to_thread((folder / "certs").mkdir, parents=True)
    await self_signed(folder / "certs", "tls", f"subjectAltName=DNS:localhost,DNS:{SERVER}.keda.svc")
    await asyncio.to_thread(shutil.copy, folder / "certs" / "tls.crt", folder / "certs" / "ca.crt")
    ports = free_ports()
    asked, grpc, adapter, *others = (next(ports) for _ in range(6))
    authority = base64.b64encode((folder / "certs" / "ca.crt").read_bytes()).decode()
    await plane.kubectl("apply", "-f", "-", stdin=SERVED % (adapter, authority, adapter))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_scraping(folder / "targets.json")))
    environment = plane.environment() | {
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "POD_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
    }
    commands = {
        "prometheus": (
            *(f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'tsdb'}"),
            f"--web.listen-address={LOOPBACK}:{asked}",
        ),
        "keda-operator": (
            *("--zap-log-level=info", f"--cert-dir={folder / 'certs'}", "--enable-webhook-patching=false"),
            f"--metrics-service-bind-address={LOOPBACK}:{grpc}",
            *(f"--metrics-bind-address={LOOPBACK}:{others[0]}", f"--health-probe-bind-address={LOOPBACK}:{others[1]}"),
        ),
        "keda-adapter": (
            *(f"--secure-port={adapter}", f"--bind-address={LOOPBACK}", f"--cert-dir={folder / 'certs'}"),
            *(f"--tls-cert-file={folder / 'certs' / 'tls.crt'}", f"--port={others[2]}"),
            f"--tls-private-key-file={folder / 'certs' / 'tls.key'}",
            f"--metrics-service-address=localhost:{grpc}",
            f"--lister-kubeconfig={plane.kubeconfig}",
            *(f"--authentication-kubeconfig={plane.kubeconfig}", f"--authorization-kubeconfig={plane.kubeconfig}"),
        ),
    }
    processes = []
    try:
        for name, flags in commands.items():
            log = folder / f"{name}.log"
            processes.append(await started(found / name, *flags, log=log, environment=environment))
        yield Keda(folder, f"http://{LOOPBACK}:{asked}")
    finally:
        for process in reversed(processes):
            await ended(process)


def _scraping(targets: Path) -> dict[str, object]:
    """Return what the PodMonitor of chart voiceplane-region comes to: the pods' labels are labels of the metric.

    Debian's Prometheus is built without the discovery of Kubernetes' pods; a file tells them, with the same labels.
    """
    kept = [
        {"source_labels": [f"__meta_kubernetes_pod_label_{label}"], "target_label": label}
        for label in ("voiceplane_dev_agent", "voiceplane_dev_revision")
    ]
    found = [{"files": [str(targets)], "refresh_interval": "1s"}]
    job = {"job_name": "gateways", "file_sd_configs": found, "relabel_configs": kept}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}


# The API server finds KEDA's metrics server on this machine; the autoscalers of the controller manager may read it.
SERVED = """
apiVersion: v1
kind: Namespace
metadata: {name: keda}
---
apiVersion: v1
kind: Service
metadata: {name: keda-metrics-apiserver, namespace: keda}
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
  service: {name: keda-metrics-apiserver, namespace: keda, port: %d}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: keda-external-metrics-reader}
rules: [{apiGroups: [external.metrics.k8s.io], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: keda-hpa-controller-external-metrics}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: keda-external-metrics-reader}
subjects: [{kind: ServiceAccount, name: horizontal-pod-autoscaler, namespace: kube-system}]
"""
