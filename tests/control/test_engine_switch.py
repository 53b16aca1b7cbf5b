"""A live agent's region moves from plain Ray to KubeRay and back, on a real API server with its controllers.

KubeRay's definition comes in the middle, and its operator's reports are the test's; the node only reports on pods.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.plane import Plane, running_plane
from tests.control import controllers, kubelet, kuberay, operating
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio]
DESK = ("va", "-n", "support", "parcel-desk")
PLANNERS = ("-n", "voiceplane", "-l", f"{names.COMPONENT}=planner")
GATEWAY = ("deployments", "-n", "voiceplane", "-l", f"{names.COMPONENT}=gateway")
SERVICES = "/apis/ray.io/v1/namespaces/voiceplane/rayservices"
DEPLOYMENTS = "/apis/apps/v1/namespaces/voiceplane/deployments"
ENGINE_OF = {SERVICES: "kuberay", DEPLOYMENTS: "ray"}


@dataclass(slots=True)
class History:
    """When each engine had planners that answer: the API server numbers every change of every object."""

    up: dict[str, int] = field(default_factory=dict)  # engine -> since
    ups: list[tuple[str, int]] = field(default_factory=list)
    ends: list[tuple[str, int]] = field(default_factory=list)

    def take(self, engine: str, kind: str, raw: dict[str, Any]) -> None:
        at = int(raw["metadata"]["resourceVersion"])
        if kind == "DELETED":
            if self.up.pop(engine, None):
                self.ends.append((engine, at))
        elif engine not in self.up and _answers(raw):
            self.up[engine] = at
            self.ups.append((engine, at))


def _answers(raw: dict[str, Any]) -> bool:
    told = raw.get("status") or {}
    return bool(told.get("availableReplicas") or told.get("activeServiceStatus"))


@contextlib.asynccontextmanager
async def recording(plane: Plane) -> AsyncIterator[History]:
    """Take note of the planners of both engines until the block ends."""
    history = History()
    async with controllers.session(plane) as opened:

        async def follow(path: str) -> None:
            async for kind, raw in controllers.events(opened, path, f"&labelSelector={names.COMPONENT}%3Dplanner"):
                history.take(ENGINE_OF[path], kind, raw)

        tasks = [asyncio.create_task(follow(path)) for path in ENGINE_OF]
        try:
            yield history
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def wish(plane: Plane, engine: str) -> None:
    """Have the region use an engine."""
    await apply(plane, (REGION % ("here", "inCluster: {}")).replace("engine: ray", f"engine: {engine}"))


async def engines(plane: Plane) -> set[str]:
    """Return which engines have planners, up or not."""
    found = (await read(plane, "deployments,rayservices", *PLANNERS))["items"]
    return {"kuberay" if one["kind"] == "RayService" else "ray" for one in found}


async def asked(plane: Plane, engine: str) -> None:
    """Wait until new calls ask the planners of an engine."""

    def asks(raw: Any) -> bool:
        return [one["metadata"]["annotations"][names.PLANNER] for one in raw["items"]] == [engine]

    await until(plane, GATEWAY, asks)


def lacks(raw: Any) -> bool:
    return all(condition(raw, kind).get("reason") == "KubeRayMissing" for kind in ("Ready", "Stalled"))


async def test_an_agents_planners_move_to_kuberay_and_back_and_a_call_always_has_some(tmp_path: Path) -> None:
    async with (
        running_plane(tmp_path / "plane") as plane,
        kubelet.reporting(str(plane.kubeconfig)) as node,
        operating.operating(plane, tmp_path / "operator", "--no-lease"),
    ):
        await operating.prepare(plane)
        await wish(plane, "ray")
        await apply(plane, AGENT)
        revision = (await until(plane, DESK, ready))["status"]["revision"]
        node.busy.add(revision)  # a call is live

        await wish(plane, "kuberay")
        told = await until(plane, DESK, lacks)
        assert "install KubeRay" in condition(told, "Stalled")["message"]
        assert (await read(plane, "deployments", *PLANNERS))["items"], "what cannot come takes nothing away"
        await asked(plane, "ray")

        await apply(plane, kuberay.DEFINITION)
        made = await until(plane, ("rayservices", *PLANNERS), lambda raw: len(raw["items"]) == 1)
        async with recording(plane) as history:
            await until(plane, DESK, lambda raw: "planners of ray until" in json.dumps(raw["status"]))
            await asked(plane, "ray")
            patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": kuberay.RUNNING}))
            name = made["items"][0]["metadata"]["name"]
            await plane.kubectl("patch", "rayservices", "-n", "voiceplane", name, *patch)
            await asked(plane, "kuberay")
            await until(plane, DESK, ready)
            assert await engines(plane) == {"ray", "kuberay"}, "the live call still asks the planners of before"
            node.busy.clear()
            await until(plane, ("deployments", *PLANNERS), lambda raw: raw["items"] == [])
            raw = await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["rollout"] == "complete")
            assert condition(raw, "Stalled")["status"] == "False" and await engines(plane) == {"kuberay"}

            await wish(plane, "ray")
            await asked(plane, "ray")
            await until(plane, ("rayservices", *PLANNERS), lambda raw: raw["items"] == [])
            raw = await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["rollout"] == "complete")
            assert raw["status"]["revision"] == revision and await engines(plane) == {"ray"}
    assert [engine for engine, _ in history.ups] == ["ray", "kuberay", "ray"], history
    assert [engine for engine, _ in history.ends] == ["ray", "kuberay"], history
    for (_, came), (_, went) in zip(history.ups[1:], history.ends, strict=True):
        assert came < went, "one goes when the other answers, and never before"
