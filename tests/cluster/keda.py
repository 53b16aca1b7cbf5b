"""KEDA beside a test plane: its definitions alone, its admission, or its operator and its metrics server."""

import asyncio
import base64
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from tests.cluster.certificates import self_signed
from tests.cluster.metrics import registered
from tests.cluster.plane import LOOPBACK, Plane, binaries, ended, started

from voiceplane.cli.ports import free_ports

POLL_S = 0.3


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


@contextlib.asynccontextmanager
async def admitting(plane: Plane, folder: Path) -> AsyncIterator[None]:
    """Have KEDA's admission judge every ScaledObject until the block ends; one that is not judged is refused."""
    found = await binaries("keda-webhooks")
    certificates = folder / "certs"
    await asyncio.to_thread(certificates.mkdir, parents=True)
    await self_signed(certificates, "tls", f"subjectAltName=DNS:localhost,IP:{LOOPBACK}")
    ports = free_ports()
    port, health = next(ports), next(ports)
    flags = (f"--cert-dir={certificates}", f"--port={port}", "--metrics-bind-address=0")
    probed = f"--health-probe-bind-address={LOOPBACK}:{health}"
    log = folder / "keda-webhooks.log"
    process = await started(found / "keda-webhooks", *flags, probed, log=log, environment=plane.environment())
    try:
        await _listening(port, log)
        await plane.kubectl("apply", "-f", "-", stdin=json.dumps(_admission(port, certificates / "tls.crt")))
        yield
    finally:
        await plane.kubectl("delete", "validatingwebhookconfiguration", "keda-admission", "--ignore-not-found")
        await ended(process)


def _admission(port: int, authority: Path) -> dict[str, object]:
    """Return what KEDA registers for ScaledObjects, at a port of this machine, and with no way around it."""
    url = f"https://{LOOPBACK}:{port}/validate-keda-sh-v1alpha1-scaledobject"
    rule = {"apiGroups": ["keda.sh"], "apiVersions": ["v1alpha1"], "resources": ["scaledobjects"]}
    webhook = {
        "name": "vscaledobject.kb.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority.read_bytes()).decode()},
        "failurePolicy": "Fail",
        "rules": [rule | {"operations": ["CREATE", "UPDATE"]}],
        "sideEffects": "None",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    return kind | {"metadata": {"name": "keda-admission"}, "webhooks": [webhook]}


async def _listening(port: int, log: Path) -> None:
    """Wait until somebody listens at a port; AssertionError with the end of a log when nobody does."""
    for _ in range(200):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.close()
            return
        await asyncio.sleep(POLL_S)
    raise AssertionError("\n".join((await asyncio.to_thread(log.read_text)).splitlines()[-8:]))


@contextlib.asynccontextmanager
async def running_keda(plane: Plane, folder: Path) -> AsyncIterator[None]:
    """Run KEDA's operator and metrics server until the block ends."""
    found = await binaries("keda-operator", "keda-adapter")
    await install_kinds(plane)
    ports = free_ports()
    grpc, adapter, *others = (next(ports) for _ in range(5))
    serving = await registered(plane, folder, adapter)
    await plane.kubectl("create", "namespace", "keda")
    certificates = folder / "certs"
    await asyncio.to_thread(shutil.copy, certificates / "tls.crt", certificates / "ca.crt")
    environment = plane.environment() | {
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "POD_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
    }
    commands = {
        "keda-operator": (
            *("--zap-log-level=info", f"--cert-dir={certificates}", "--enable-webhook-patching=false"),
            f"--metrics-service-bind-address={LOOPBACK}:{grpc}",
            *(f"--metrics-bind-address={LOOPBACK}:{others[0]}", f"--health-probe-bind-address={LOOPBACK}:{others[1]}"),
        ),
        "keda-adapter": (*serving, f"--port={others[2]}", f"--metrics-service-address=localhost:{grpc}"),
    }
    processes = []
    try:
        for name, flags in commands.items():
            log = folder / f"{name}.log"
            processes.append(await started(found / name, *flags, log=log, environment=environment))
        yield
    finally:
        for process in reversed(processes):
            await ended(process)
