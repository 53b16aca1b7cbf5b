"""What people are told of an agent: Events on transitions only, live calls as gateways count them, KubeRay missing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, kuberay, operating
from tests.control.faults import way_to
from tests.control.operating import AGENT, REGION, apply, condition, events, ready, until

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running:
        await operating.prepare(running)
        await running.kubectl("create", "namespace", "ray")
        async with controllers.rolling_out(running), controllers.rolling_out(running, "ray"):
            await apply(running, REGION % ("here", "capacity: 1000, inCluster: {}"))
            yield running


async def test_events_tell_of_transitions_and_of_nothing_else(plane: Plane, tmp_path: Path) -> None:
    async with operating.operating(plane, tmp_path, "--no-lease", "--resync", "1"):
        await apply(plane, AGENT)
        await until(plane, DESK, ready)
        begun = await _the_last_is(plane, ("Normal", "Serving"))
        await asyncio.sleep(4)  # several passes
        assert await events(plane) == begun
        await apply(plane, AGENT.replace("Our parcel shops", "Our {parcel} shops"))
        await until(plane, DESK, lambda raw: condition(raw, "Stalled").get("reason") == "Invalid")
        await asyncio.sleep(3)
        assert await events(plane) == [*begun, ("Warning", "Invalid")], "once, and not with each pass"
        await apply(plane, AGENT)
        await until(plane, DESK, lambda raw: ready(raw) and condition(raw, "Stalled")["status"] == "False")
    async with operating.operating(plane, tmp_path / "next", "--no-lease", "--resync", "1"):
        await asyncio.sleep(4)
        await until(plane, DESK, ready)
        assert await events(plane) == [*begun, ("Warning", "Invalid"), ("Normal", "Progressing")], "nor by a restart"


async def _the_last_is(plane: Plane, wanted: tuple[str, str]) -> list[tuple[str, str]]:
    """Wait for an Event, which comes a moment after the status that it is of; return all there are."""
    found: list[tuple[str, str]] = []
    for _ in range(100):
        found = await events(plane)
        if found and found[-1] == wanted:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"no {wanted}: {found}")


async def test_the_digest_of_a_policy_is_short_for_people_and_whole_in_its_status(plane: Plane, tmp_path: Path) -> None:
    async with operating.operating(plane, tmp_path, "--no-lease"):
        await apply(plane, AGENT)
        raw = await until(plane, ("vp", "-n", "support", "retail"), lambda raw: "digest" in raw.get("status", {}))
        whole = raw["status"]["digest"]
        head, row = (await plane.kubectl("get", "vp", "-n", "support")).splitlines()
        assert (len(whole), row[head.index("DIGEST") :].split()[0]) == (64, whole[:12])


async def test_the_calls_of_an_agent_are_what_its_gateways_count(plane: Plane, tmp_path: Path) -> None:
    live = 3
    asked: list[str] = []

    def told(request: web.Request) -> str:
        if not request.path.endswith("/proxy/metrics"):
            return ""
        asked.append(request.path)
        return f'voiceplane_calls_active{{agent="a"}} {live}\n'

    async with way_to(plane) as way:
        way.told = told
        path = tmp_path / "way.json"
        path.write_text(way.kubeconfig(plane.token))
        options = ("--no-lease", "--calls-every", "0.5")
        async with operating.operating(plane, tmp_path, *options, kubeconfig=path):
            await apply(plane, AGENT)
            await until(plane, DESK, ready)
            await operating.pod_of_a_gateway(plane)
            for live in (3, 1, 0):
                await until(plane, DESK, lambda raw, n=live: raw["status"].get("calls") == n)  # type: ignore[misc]
                await until(plane, ("vr", "here"), lambda raw, n=live: raw["status"].get("calls") == n)  # type: ignore[misc]
                shown = (await plane.kubectl("get", *DESK)).splitlines()
                assert shown[1][shown[0].index("CALLS") :].split()[0] == str(live)
            assert "/pods/answering:" in asked[0]
            await plane.kubectl("delete", "pod", "-n", "voiceplane", "answering", "--force", "--grace-period=0")


async def test_a_region_without_kuberay_says_so_and_serves_when_it_comes(plane: Plane, tmp_path: Path) -> None:
    region = (REGION % ("ray", "namespace: ray, capacity: 1000, inCluster: {}")).replace(
        "engine: ray", "engine: kuberay"
    )
    await apply(plane, region.replace("location: US", "location: DE"))
    agent, policy = AGENT.split("\n---", 1)
    agent = agent.replace("parcel-desk", "ray-desk").replace("residency: [US]", "residency: [DE]")
    desk, service = ("va", "-n", "support", "ray-desk"), ("rayservices", "-n", "ray")
    async with operating.operating(plane, tmp_path, "--no-lease"):
        await apply(plane, policy)
        await apply(plane, agent)

        def lacks(raw: Any) -> bool:
            return condition(raw, "Stalled").get("reason") == condition(raw, "Ready").get("reason") == "KubeRayMissing"

        raw = await until(plane, desk, lacks)
        (state,) = raw["status"]["regionStates"]
        assert state["condition"]["reason"] == "KubeRayMissing" and "install KubeRay" in state["condition"]["message"]
        await apply(plane, AGENT.replace("How can I help you?", "What is it?"))
        await until(plane, DESK, ready)
        await apply(plane, kuberay.DEFINITION)
        made: Any = await until(plane, service, lambda raw: len(raw["items"]) == 1)
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": kuberay.RUNNING}))
        await plane.kubectl("patch", *service, made["items"][0]["metadata"]["name"], *patch)
        raw = await until(plane, desk, ready)
        assert condition(raw, "Stalled")["status"] == "False"
