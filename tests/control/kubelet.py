"""A node that only reports: it takes the pods of a plane and says that they run, or end, as a test wants.

The API server, scheduler and controllers are real; only the pods' processes are not there.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from voiceplane_operator import cluster, errors
from voiceplane_operator.kinds import POD

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "reporting"},
    "status": {
        "capacity": {"cpu": "1000", "memory": "4000Gi", "pods": "10000"},
        "allocatable": {"cpu": "1000", "memory": "4000Gi", "pods": "10000"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": ""}],
    },
}


@dataclass(slots=True)
class ReportingNode:
    """What the test can say: which pods hold on to their calls when they are told to end."""

    api: cluster.Cluster
    busy: set[str] = field(default_factory=set)  # revisions whose pods have live calls

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            with contextlib.suppress(errors.ClusterError):
                pods, _ = await self.api.list(POD, None)
                await asyncio.gather(*map(self._report, pods))
            await asyncio.sleep(0.2)

    async def _report(self, pod: dict[str, Any]) -> None:
        meta, status = pod["metadata"], pod.get("status") or {}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        with contextlib.suppress(errors.ConflictError, errors.NotThereError):
            if "deletionTimestamp" in meta:
                if (meta.get("labels") or {}).get("voiceplane.dev/revision") not in self.busy:
                    await self.api._request("DELETE", path, body={"gracePeriodSeconds": 0})
            elif pod["spec"].get("nodeName") and status.get("phase") != "Running":
                ready = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady", "Initialized")]
                body = {"status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": ready}}
                await self.api._request("PATCH", f"{path}/status", body=body, content=cluster.MERGE)


@contextlib.asynccontextmanager
async def reporting(kubeconfig: str) -> AsyncIterator[ReportingNode]:
    """Have the node in a plane and report until the block ends."""
    api = await cluster.from_file(kubeconfig)
    with contextlib.suppress(errors.ConflictError):  # of an earlier test
        await api._request("POST", "/api/v1/nodes", body=NODE)
    node = ReportingNode(api)
    tasks = (asyncio.create_task(node.run()), asyncio.create_task(_beat(api)))
    try:
        yield node
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await api.close()


async def _beat(api: cluster.Cluster) -> None:
    """Vouch for the node: the controller taints one that nobody reports on."""
    while True:
        with contextlib.suppress(errors.ClusterError):
            await api._request(
                "PATCH", "/api/v1/nodes/reporting", body={"spec": {"taints": None}}, content=cluster.MERGE
            )
            await api._request(
                "PATCH", "/api/v1/nodes/reporting/status", body={"status": NODE["status"]}, content=cluster.MERGE
            )
        await asyncio.sleep(5)
