"""KubeRay's own operator beside a test plane: makes RayServices real, so that the planner runs as in production."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.cluster.plane import LOOPBACK, Plane, binaries, ended, started

from voiceplane.cli.ports import free_ports

KINDS = ("rayclusters", "rayjobs", "rayservices")


@contextlib.asynccontextmanager
async def running_kuberay(plane: Plane, folder: Path) -> AsyncIterator[int]:
    """Install KubeRay's kinds and run its operator until the block ends; gives its process id."""
    found = await binaries("kuberay-operator", "kuberay-crds")
    await plane.kubectl("apply", "--server-side", "-f", str(found / "kuberay-crds"))
    kinds = [f"crd/{kind}.ray.io" for kind in KINDS]
    await plane.kubectl("wait", "--for=condition=Established", *kinds, "--timeout=60s")
    ports = free_ports()
    process = await started(
        found / "kuberay-operator",
        *("--kubeconfig", str(plane.kubeconfig), "--enable-leader-election=false"),
        *("--metrics-addr", f"{LOOPBACK}:{next(ports)}", "--health-probe-bind-address", f"{LOOPBACK}:{next(ports)}"),
        "--use-kubernetes-proxy",  # this machine does not ask the cluster's DNS
        log=folder / "kuberay-operator.log",
    )
    try:
        yield process.pid
    finally:
        await ended(process)
