"""Revisions that go from region to region step by step, regions that are let go, objects at the limit."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, apply, condition, footprint, read, ready, until
from tests.control.samples import MODEL

from voiceplane.cli.__main__ import main
from voiceplane_operator import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")
REGION = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceRegion
metadata: {name: %s}
spec: {mode: cloud, location: US, namespace: %s, planner: {engine: ray}, drainTimeout: 1s, %s}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running:
        await operating.prepare(running)
        for namespace in ("east", "west"):
            await running.kubectl("create", "namespace", namespace)
        async with (
            controllers.rolling_out(running),
            controllers.rolling_out(running, "east"),
            controllers.rolling_out(running, "west"),
        ):
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def plane(hub: Plane) -> Plane:
    """Have the plane without what another test has left."""
    await operating.swept(hub, "east", "west")
    return hub


@pytest_asyncio.fixture(loop_scope="module")
async def operator(plane: Plane, tmp_path: Path) -> AsyncIterator[operating.Operator]:
    async with operating.operating(plane, tmp_path, "--no-lease") as running:
        yield running


async def answering(plane: Plane, region: str) -> None:
    """Have the agent in one region."""
    await apply(plane, REGION % (region, region, "inCluster: {}"))
    await apply(plane, AGENT)
    await until(plane, DESK, ready)


async def test_a_revision_enters_region_after_region_and_a_credential_follows(
    plane: Plane, operator: operating.Operator
) -> None:
    for name in ("east", "west"):
        await apply(plane, REGION % (name, name, "inCluster: {}"))
    await apply(plane, MODEL)
    raw = await until(plane, DESK, lambda raw: condition(raw, "Ready").get("reason") == "CredentialNotFound")
    assert "support/models-key" in condition(raw, "Ready")["message"]
    key = ("-n", "support", "models-key")
    await plane.kubectl("create", "secret", "generic", *key, "--from-literal=api-key=one")
    await apply(plane, MODEL.replace("capacity: 20", "capacity: 15"))  # looks again at once
    first = await until(plane, DESK, ready)
    copies = ("secrets", "-n", "west", "-l", f"{names.AGENT}={names.prefix('support/parcel-desk')}")
    assert [one["data"] for one in (await read(plane, *copies))["items"]] == [{"api-key": "b25l"}]
    entered: set[tuple[str, ...]] = set()
    await apply(plane, MODEL.replace("How can I", "What can I").replace("capacity: 20", "capacity: 15"))

    def seen(raw: Any) -> bool:
        old = first["status"]["revision"]
        entered.add(tuple(one["name"] for one in raw["status"]["regionStates"] if one["revision"] not in ("", old)))
        return ready(raw) and bool(raw["status"]["revision"] != old)

    await until(plane, DESK, seen)
    assert ("west",) not in entered and ("east", "west") in entered, entered
    await plane.kubectl("delete", "va", "-n", "support", "parcel-desk", "--timeout=60s")
    assert (await read(plane, *copies))["items"] == []


async def test_diff_shows_what_would_come_and_nothing_when_it_is_there(
    plane: Plane, operator: operating.Operator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region, agent = tmp_path / "region.yaml", tmp_path / "agent.yaml"
    region.write_text(REGION % ("east", "east", "inCluster: {}"))
    agent.write_text(AGENT)
    asked = ["diff", str(agent), "--region", str(region), "--kubeconfig", str(plane.kubeconfig)]
    assert await asyncio.to_thread(main, asked) == 0
    out = capsys.readouterr().out
    assert "+kind: Deployment" in out and "+++ new NetworkPolicy/" in out
    await answering(plane, "east")
    assert await asyncio.to_thread(main, asked) == 0
    assert capsys.readouterr().out == "no change\n"
    agent.write_text(AGENT.replace("capacity: 20", "capacity: 40"))
    region.write_text(REGION % ("east", "east", "capacity: 40, inCluster: {}"))
    await asyncio.to_thread(main, asked)
    changed = [
        line for line in capsys.readouterr().out.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert "-  replicas: 1" in changed and "+  replicas: 2" in changed
    agent.write_text(AGENT.replace("How can I help you?", "What can I do for you?"))
    await asyncio.to_thread(main, asked)
    lines = capsys.readouterr().out.splitlines()
    spoken = [line[0] + line.split("assistant. ")[1] for line in lines if line[:1] in "+-" and "assistant. " in line]
    assert spoken == ['-How can I help you?",', '+What can I do for you?",'], (
        "an edit is told in words, not as all of it"
    )
    goes = [line for line in lines if line.startswith("goes ")]
    assert len(goes) == 2 and goes[0].startswith("goes ConfigMap/") and goes[1].startswith("goes Deployment/")


async def test_a_region_is_let_go_at_its_deadline_though_a_call_does_not_end(
    plane: Plane, operator: operating.Operator
) -> None:
    await answering(plane, "east")  # a pod that nobody ends stands for a call that does not
    (gateway,) = (await read(plane, "deployments", "-n", "east", "-l", f"{names.COMPONENT}=gateway"))["items"]
    labels = gateway["spec"]["template"]["metadata"]["labels"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "busy", "namespace": "east", "labels": labels}}
    await apply(plane, json.dumps(pod | {"spec": {"nodeName": "far", "containers": [{"name": "a", "image": "a"}]}}))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await plane.kubectl("delete", "vr", "east", "--wait=false")
    await until(plane, ("vr", "east"), lambda raw: condition(raw, "Ready").get("reason") == "Draining")
    await until(plane, ("vr",), lambda raw: raw["items"] == [])
    assert loop.time() - begun > 20, "not before the calls had their time"
    left = await read(plane, "deployments,configmaps", "-n", "east", "-l", f"{names.HUB}=hub")
    assert left["items"] == [], "nothing runs on there that nobody looks after"
    await plane.kubectl("delete", "pod", "-n", "east", "busy", "--force", "--grace-period=0")


async def test_two_editors_at_once_end_in_what_the_last_one_wrote(plane: Plane, operator: operating.Operator) -> None:
    await answering(plane, "west")
    await apply(plane, AGENT.split("\n---")[0].replace("name: parcel-desk", "name: other"))
    await until(plane, ("va", "-n", "support", "other"), ready)
    before = await footprint(plane, "other", "west")
    path = "/apis/voiceplane.dev/v1alpha1/namespaces/support/voiceagents/parcel-desk"
    async with controllers.session(plane) as opened:
        refused = 0

        async def edit(who: str) -> None:
            nonlocal refused
            for number in range(10):
                async with opened.get(path) as answer:
                    raw = await answer.json()
                raw["spec"]["opening"] = f"Edit {number} of {who}."
                async with opened.put(path, json=raw) as answer:
                    refused += answer.status == 409
                    assert answer.status in (200, 409), await answer.text()

        await asyncio.gather(edit("one"), edit("two"))
    final = await until(plane, DESK, ready)
    bundle = await read(
        plane,
        "configmap",
        "-n",
        "west",
        names.bundle_name(names.prefix("support/parcel-desk"), final["status"]["revision"]),
    )
    assert final["spec"]["opening"] in bundle["data"]["agent.yaml"]
    assert refused, "the API server has told one that the other was faster"
    assert await footprint(plane, "other", "west") == before


async def test_an_agent_of_900_kb_is_told_to_be_split_and_harms_nobody(
    plane: Plane, operator: operating.Operator
) -> None:
    await answering(plane, "west")
    before = await footprint(plane, namespace="west")
    raw = next(one for one in yaml.safe_load_all(AGENT) if one["kind"] == "VoiceAgent")
    raw["metadata"]["name"] = "huge"
    long = [
        {"name": f"i{n}", "examples": [f"{n} {m} " + "x" * 1800 for m in range(100)], "reply": "Yes."} for n in range(5)
    ]
    raw["spec"]["intents"] += long
    text = json.dumps(raw)
    assert 900_000 < len(text) < 1_000_000
    await plane.kubectl("apply", "--server-side", "-f", "-", stdin=text)
    told = await until(plane, ("va", "-n", "support", "huge"), lambda raw: "conditions" in raw.get("status", {}))
    assert condition(told, "Ready")["reason"] == "TooLarge" and "split" in condition(told, "Ready")["message"]
    await plane.kubectl("delete", "va", "-n", "support", "huge", "--timeout=30s")
    assert await footprint(plane, namespace="west") == before
