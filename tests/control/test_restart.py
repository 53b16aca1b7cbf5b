"""A restart of the operator: where nothing has changed meanwhile, it writes nothing but its Lease."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from aiohttp import web
from tests import waiting
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.faults import Way, way_to
from tests.control.operating import AGENT, REGION, Operator, apply, read, ready, until
from tests.control.test_answers import SPEC

from voiceplane_operator import names
from voiceplane_operator.decide.status import Outcome
from voiceplane_operator.hub.queue import KeyedQueue
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Store
from voiceplane_operator.reconcile import converge
from voiceplane_operator.reconcile.agents import AgentReconciler
from voiceplane_operator.regions.fleet import Contact, Fleet, Region

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(600)]
AGENTS = 12  # some in each region, some in both
LIVE = 3  # calls of each gateway


def _told(request: web.Request) -> str:
    return f"voiceplane_calls_active {LIVE}\n" if request.path.endswith("/proxy/metrics") else ""


async def _quiet(written: list[str], *, for_s: float = 4.0, within_s: float = 60.0) -> None:
    """Wait until nothing has been written for a while, longer than anything that is due later waits."""
    async with asyncio.timeout(within_s):
        seen = -1
        while seen != len(written):
            seen = len(written)
            await asyncio.sleep(for_s)


async def _regions(plane: Plane, way: Way) -> None:
    """Make a hub that is a region, and another region in a namespace of the same API server."""
    await operating.prepare(plane)
    await plane.kubectl("create", "namespace", "far")
    secret = f"--from-literal=kubeconfig={way.kubeconfig(plane.token)}"
    await plane.kubectl("create", "secret", "generic", "-n", "voiceplane-system", "far", secret)
    await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}"))
    far = REGION % ("far", "capacity: 1000, namespace: far, kubeConfig: {name: far}")
    await apply(plane, far.replace("location: US", "location: DE"))


def _agents() -> str:
    agent, policies = AGENT.split("\n---", 1)
    places = ("US", "DE", "US, DE")
    made = (
        agent.replace("name: parcel-desk", f"name: desk-{number}").replace("residency: [US]", f"residency: [{place}]")
        for number, place in enumerate(places * (AGENTS // len(places)))
    )
    return "\n---\n".join([*made, policies])


async def _answers(operator: Operator) -> None:
    await waiting.until(lambda: operator.log.read_text().count("region answers") >= 2, within_s=60)


async def test_a_restarted_operator_writes_nothing_but_its_lease_where_nothing_has_changed(tmp_path: Path) -> None:
    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane, way_to(plane) as way:
        await _regions(plane, way)
        written: list[str] = []

        def wrote(request: web.Request) -> None:
            if "/leases" not in request.path:
                written.append(f"{request.method} {request.path}")

        way.wrote, way.told = wrote, _told
        path = tmp_path / "way.json"
        path.write_text(way.kubeconfig(plane.token))
        options = ("--calls-every", "0.5")
        async with controllers.rolling_out(plane), controllers.rolling_out(plane, "far"):
            async with operating.operating(plane, tmp_path / "first", *options, kubeconfig=path):
                await apply(plane, _agents())

                def serve(raw: Any) -> bool:
                    return len(raw["items"]) == AGENTS and all(map(ready, raw["items"]))

                await until(plane, ("va", "-n", "support"), serve, within_s=120)
                await operating.pod_of_a_gateway(plane, "desk-0")
                counted = ("va", "-n", "support", "desk-0")
                await until(plane, counted, lambda raw: raw["status"].get("calls") == LIVE)
                tools = ("-n", "voiceplane", "-l", f"{names.COMPONENT}=tools")
                await plane.kubectl("patch", "deployments", *_first(await read(plane, "deployments", *tools)))
                await _quiet(written)
            before = await read(plane, "va,vr,vp", "-A")
            (policy,) = [one for one in before["items"] if one["kind"] == "VoicePolicy"]
            assert policy["status"]["conditions"][0]["message"] == f"used by {AGENTS} agents"
            written.clear()
            way.delay_s = lambda request: (
                1.0 if request.path == "/version" else 0.0
            )  # regions open after the first passes
            async with operating.operating(plane, tmp_path / "second", *options, kubeconfig=path) as second:
                await _answers(second)
                await asyncio.sleep(1.0)
                await _quiet(written)
                assert written == []
                assert await read(plane, "va,vr,vp", "-A") == before
                await plane.kubectl("delete", "deployments", *tools, "--wait=false")
                await until(plane, ("deployments", *tools), lambda raw: len(raw["items"]) == 2 * AGENTS // 3)
                assert written, "it works, and what it writes would have been seen"


def _first(found: Any) -> tuple[str, ...]:
    """Return what kubectl needs to change a field of ours in the first of some objects."""
    meta = found["items"][0]["metadata"]
    return (meta["name"], "-n", meta["namespace"], "--type=merge", "-p", '{"spec": {"revisionHistoryLimit": 7}}')


async def test_a_region_that_answers_while_it_is_looked_at_takes_no_agent_back(monkeypatch: pytest.MonkeyPatch) -> None:
    store, fleet = Store(), Fleet(cast(Any, None), "hub", lambda _: None, lambda _: None)
    region = fleet.regions["here"] = Region("here", SPEC, 1, "hub")

    async def looked(one: Region, *_: object, held: bool) -> Outcome:
        outcome = converge.unreachable(one)
        region.contact = Contact.UP
        return outcome

    monkeypatch.setattr(converge, "converge", looked)
    hub = Hub("hub", cast(Any, None), store, fleet, KeyedQueue(asyncio.get_running_loop().time))
    spec = {key: value for key, value in next(yaml.safe_load_all(AGENT))["spec"].items() if key != "policyRef"}
    meta = {"name": "desk", "namespace": "support", "uid": "u", "generation": 1, "resourceVersion": "5"}
    status = {"observedGeneration": 1, "regionStates": [{"name": "here", "ready": True}]}
    raw = {"kind": "VoiceAgent", "metadata": meta | {"finalizers": [names.FINALIZER]}, "spec": spec, "status": status}
    store.put(store.read(raw))
    store.put(store.read({"kind": "VoiceRegion", "metadata": {"name": "here"}}))
    assert await AgentReconciler(hub).reconcile("support/desk") == 1.0, "it looks again, and has asked no API server"
    assert region.contact is Contact.UP
