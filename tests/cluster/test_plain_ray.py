"""Planners without KubeRay on the test node: a head and a worker answer; the head is killed, and then lost."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import rootless
from tests.cluster.node import NodeOptions, running_node
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control.operating import AGENT, prepare_region

from voiceplane.contract.dialogue import CallerSaid, DialogueState, ReplyRequest
from voiceplane.contract.ids import CallId
from voiceplane.contract.region import VoiceRegion
from voiceplane.planner.client import open_client
from voiceplane.runtime.models import cache_root
from voiceplane_operator import manifests, names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.manifests.target import Target

pytestmark = pytest.mark.timeout(600)
READY_S = 180.0
SPEC = {"mode": "on-prem", "location": "US", "inCluster": {}, "planner": {"engine": "ray"},
        "sizes": {"planner": {"replicas": 2}}, "telemetry": {"collector": False}}  # fmt: skip


@contextlib.asynccontextmanager
async def cluster(folder: Path, target: Target) -> AsyncIterator[Plane]:
    options = NodeOptions(image_binds=((cache_root(), "/var/cache/voiceplane"),))
    async with running_plane(folder / "plane", PlaneOptions()) as plane, running_node(plane, folder / "node", options):
        await prepare_region(plane)
        planner = [one for one in manifests.render(target) if one["metadata"]["labels"][names.COMPONENT] in
                   ("planner", "bundle") and one["kind"] != "NetworkPolicy"]  # fmt: skip
        for manifest in planner:
            await plane.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        yield plane


async def pods(plane: Plane) -> list[dict[str, Any]]:
    text = await plane.kubectl("get", "pods", "-n", "voiceplane", "-l", f"{names.COMPONENT}=planner", "-o", "json")
    return [one for one in json.loads(text)["items"] if "deletionTimestamp" not in one["metadata"]]


def role(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["labels"][names.ROLE])


def ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())


async def both(plane: Plane) -> dict[str, dict[str, Any]]:
    """Wait until a head and a worker are ready; return them by their roles."""
    for _ in range(int(READY_S)):
        found = {role(one): one for one in await pods(plane) if ready(one)}
        if set(found) == {"head", "worker"}:
            return found
        await asyncio.sleep(1.0)
    raise AssertionError(f"not ready: {json.dumps([one['status'] for one in await pods(plane)], indent=1)[:4000]}")


class Caller:
    """Asks as a gateway does, again and again, whoever is ready; keeps what it could not get."""

    def __init__(self, plane: Plane, target: Target) -> None:
        self.plane, self.target = plane, target
        self.answers = 0
        self.missed: list[str] = []

    async def ask(self) -> None:
        nodes = [f"{one['status']['podIP']}:9000" for one in await pods(self.plane) if ready(one)]
        request = ReplyRequest(CallId("0" * 32), self.target.owner, self.target.revision.name, 1, "q",
                               DialogueState(), CallerSaid("when are you open"), "2026-11-27", ())  # fmt: skip
        async with open_client(*nodes) as client:
            try:
                said = [event async for event in client.reply(request)]
            except Exception as error:  # noqa: BLE001  (whatever a caller would not have got)
                self.missed.append(f"{nodes}: {error!r}")
            else:
                assert "eight in the morning" in str(said)
                self.answers += 1

    async def run(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(0.3)


def kill_container(address: str) -> None:
    """End the head's container as a crash does."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
            if b"voiceplane.planner" in words and b"head" in words and address.encode() in words:
                os.kill(int(entry.name), signal.SIGKILL)
                return
    raise AssertionError("no process of the head")


def restarts(pod: dict[str, Any]) -> int:
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


async def test_callers_are_answered_while_the_head_of_a_plain_ray_is_killed_and_then_lost(tmp_path: Path) -> None:
    if why := await rootless.denied():
        pytest.skip(f"no networks can be made here, see tests/cluster/rootless.py: {why}")
    target = target_of(AGENT, VoiceRegion.model_validate({"apiVersion": "voiceplane.dev/v1alpha1",
                       "kind": "VoiceRegion", "metadata": {"name": "here"}, "spec": SPEC}))  # fmt: skip
    async with cluster(tmp_path, target) as plane:
        first = await both(plane)
        caller = Caller(plane, target)
        asking = asyncio.create_task(caller.run())
        try:
            await asyncio.sleep(3.0)
            await asyncio.to_thread(kill_container, first["head"]["status"]["podIP"])
            for _ in range(60):  # the node notices, the head starts again
                if restarts((await both(plane))["head"]):
                    break
                await asyncio.sleep(0.5)
            again = await both(plane)
            assert restarts(again["worker"]) == 0, "the worker went on"
            assert again["worker"]["metadata"]["uid"] == first["worker"]["metadata"]["uid"]

            await plane.kubectl("delete", "pod", "-n", "voiceplane", again["head"]["metadata"]["name"], "--wait=false")
            for _ in range(120):  # the worker has left the old head for the new one
                found = await both(plane)
                other = found["head"]["metadata"]["uid"] != again["head"]["metadata"]["uid"]
                if other and restarts(found["worker"]) == 1:
                    break
                await asyncio.sleep(1.0)
            last = await both(plane)
            assert restarts(last["worker"]) == 1, "it joined the new head"
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    assert not caller.missed and caller.answers > 20, (caller.answers, caller.missed[:3])
