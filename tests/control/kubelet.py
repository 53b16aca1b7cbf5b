"""A node that only reports: it takes the pods of a plane and says that they run, or end, as a test wants.

The API server, scheduler and controllers are real; only the pods' processes are not there.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from voiceplane_operator import errors, names
from voiceplane_operator.api import clients
from voiceplane_operator.api.cluster import MERGE, Cluster, Request
from voiceplane_operator.api.kinds import POD
from voiceplane_operator.decide.facts import seconds
from voiceplane_operator.moments import now, now_text

AT_ONCE = 16  # reports in flight
BEAT_S = 5.0  # the node controller gives a node up after 40 s without a new heartbeat, and then nothing is scheduled


def _node() -> dict[str, Any]:
    """Return the node as it reports itself now: a new heartbeat time is what keeps it schedulable."""
    room = {"cpu": "100000", "memory": "400000Gi", "pods": "100000"}
    ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": now_text()}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "reporting"},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    }


@dataclass(slots=True)
class ReportingNode:
    """What the test can say: which pods hold on to their calls when they are told to end, and whether it lives."""

    api: Cluster
    busy: set[str] = field(default_factory=set)  # revisions whose pods have live calls
    dead: bool = False  # no pod that was told to end does so any more, not even when its grace is over
    address: Callable[[dict[str, Any]], str] = lambda pod: "10.0.0.1"  # of a pod

    async def run(self) -> None:
        """Report until cancelled; asks again and again, so a report that got lost is only late."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def report(pod: dict[str, Any]) -> None:
            async with turns:
                with contextlib.suppress(errors.ClusterError):
                    await self._report(pod)

        while True:
            with contextlib.suppress(errors.ClusterError):
                pods, _ = await self.api.list(POD, None)
                await asyncio.gather(*map(report, pods))
            await asyncio.sleep(0.2)

    async def _report(self, pod: dict[str, Any]) -> None:
        meta, status = pod["metadata"], pod.get("status") or {}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if "deletionTimestamp" in meta:
            talks = (meta.get("labels") or {}).get(names.REVISION) in self.busy
            if not self.dead and (not talks or now() > seconds(meta["deletionTimestamp"])):
                await self.api.ask(Request("DELETE", path, {"gracePeriodSeconds": 0}))
        elif pod["spec"].get("nodeName") and not _ready(status):
            ready = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady", "Initialized")]
            body = {"status": {"phase": "Running", "podIP": self.address(pod), "conditions": ready}}
            await self.api.ask(Request("PATCH", f"{path}/status", body, MERGE))


def _ready(status: dict[str, Any]) -> bool:
    """Say whether a pod is reported as ready; the node controller takes that back from a node that was silent."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())


@contextlib.asynccontextmanager
async def reporting(kubeconfig: str) -> AsyncIterator[ReportingNode]:
    """Have the node in a plane and report until the block ends."""
    api = await clients.from_file(kubeconfig)
    with contextlib.suppress(errors.ConflictError):  # of an earlier test
        await api.ask(Request("POST", "/api/v1/nodes", _node()))
    node = ReportingNode(api)
    tasks = (asyncio.create_task(node.run()), asyncio.create_task(_beat(api)))
    try:
        yield node
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await api.close()


async def _beat(api: Cluster) -> None:
    """Vouch for the node, and take off what the controller put on it while no test had it."""
    path = "/api/v1/nodes/reporting"
    while True:
        with contextlib.suppress(errors.ClusterError):
            await api.ask(Request("PATCH", f"{path}/status", {"status": _node()["status"]}, MERGE))
            await api.ask(Request("PATCH", path, {"spec": {"taints": None}}, MERGE))
        await asyncio.sleep(BEAT_S)
