"""KEDA beside a test plane: its definitions alone, or its operator and its metrics server too."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

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
