"""What holds a removal up, and what does not: refused deletes, broken objects, the glass that somebody breaks."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")
GLASS = "voiceplane.dev/release-finalizer=true"
ALL_BUT_DELETE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all-but-delete}
rules:
  - {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch, create, update, patch]}
  - {nonResourceURLs: ["*"], verbs: [get]}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    """Have an account for a region whose role lacks delete, and the Secret by which the region is reached."""
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running, controllers.rolling_out(running):
        await operating.prepare(running)
        await apply(running, ALL_BUT_DELETE)
        await running.kubectl("create", "serviceaccount", "weak", "-n", "support")
        subject = ("--clusterrole=all-but-delete", "--serviceaccount=support:weak")
        await running.kubectl("create", "clusterrolebinding", "weak", *subject)
        content = json.loads(operating.portable_kubeconfig(running))
        content["users"][0]["user"]["token"] = (
            await running.kubectl("create", "token", "weak", "-n", "support")
        ).strip()
        data = {"kubeconfig": base64.b64encode(json.dumps(content).encode()).decode()}
        meta = {"name": "weak", "namespace": "voiceplane-system"}
        await apply(running, json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}))
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def plane(hub: Plane) -> Plane:
    """Have the region, whose account may all until the binding `strong` is gone, and the agent."""
    await operating.swept(hub)
    await hub.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(operating.CRDS))
    subject = ("--clusterrole=cluster-admin", "--serviceaccount=support:weak")
    await hub.kubectl("create", "clusterrolebinding", "strong", *subject, check=False)  # of another test
    await apply(hub, REGION % ("weak", "kubeConfig: {name: weak}"))
    await apply(hub, AGENT)
    return hub


@pytest_asyncio.fixture(loop_scope="module")
async def operator(plane: Plane, tmp_path: Path) -> AsyncIterator[operating.Operator]:
    async with operating.operating(plane, tmp_path, "--no-lease") as running:
        yield running


async def test_the_glass_on_an_agent_that_stays_changes_nothing(plane: Plane, operator: operating.Operator) -> None:
    await plane.kubectl("annotate", "va", "-n", "support", "parcel-desk", GLASS)
    first = await until(plane, DESK, ready)
    await apply(plane, AGENT.replace("How can I help you?", "What is it?"))
    await until(plane, DESK, lambda raw: ready(raw) and raw["status"]["revision"] != first["status"]["revision"])


async def test_what_runs_goes_on_and_is_repaired_while_an_edit_cannot_run(
    plane: Plane, operator: operating.Operator
) -> None:
    good = await until(plane, DESK, ready)
    await apply(plane, AGENT.replace("Our parcel shops", "Our {parcel} shops"))

    def told(raw: Any) -> bool:
        newest = raw["status"]["observedGeneration"] == raw["metadata"]["generation"]
        return newest and condition(raw, "Stalled").get("reason") == "Invalid"

    raw = await until(plane, DESK, told)
    assert raw["status"]["revision"] == good["status"]["revision"] and ready(raw), raw["status"]
    assert {one["type"] for one in raw["status"]["conditions"]} >= {"PolicyVerified", "CapacityAvailable"}
    policy = ("networkpolicy", "-n", "voiceplane", f"{names.prefix('support/parcel-desk')}-agent")
    async with controllers.session(plane) as opened:
        path = f"/apis/networking.k8s.io/v1/namespaces/voiceplane/networkpolicies/{policy[-1]}"
        body = json.dumps({"metadata": {"labels": {"voiceplane.dev/component": None}}, "spec": {"ingress": []}})
        async with opened.patch(path, data=body, headers={"Content-Type": controllers.MERGE}) as answer:
            assert answer.status == 200, await answer.text()
    await until(plane, policy, lambda raw: bool(raw["spec"].get("ingress")))
    await apply(plane, AGENT)
    await until(plane, DESK, lambda raw: ready(raw) and condition(raw, "Stalled")["status"] == "False")


async def test_a_region_that_refuses_deletes_is_told_and_the_glass_lets_its_agent_go(
    plane: Plane, operator: operating.Operator
) -> None:
    await until(plane, DESK, ready)
    await plane.kubectl("delete", "clusterrolebinding", "strong")
    await plane.kubectl("delete", "va", "-n", "support", "parcel-desk", "--wait=false")
    raw = await until(plane, DESK, lambda raw: condition(raw, "Stalled").get("reason") == "AccessDenied")
    assert "403" in condition(raw, "Ready")["message"] and condition(raw, "Ready")["status"] == "False"
    await plane.kubectl("annotate", "va", "-n", "support", "parcel-desk", GLASS)
    await until(plane, ("va", "-n", "support"), lambda raw: raw["items"] == [])
    left = await read(plane, "deployments", "-n", "voiceplane")
    assert left["items"], "nothing could be deleted"


async def test_a_region_that_cannot_be_read_any_more_is_let_go(plane: Plane, operator: operating.Operator) -> None:
    await until(plane, DESK, ready)
    await plane.kubectl("delete", "clusterrolebinding", "strong")  # what holds the region up: nothing can be deleted
    await plane.kubectl("delete", "vr", "weak", "--wait=false")
    await until(plane, ("vr", "weak"), lambda raw: condition(raw, "Ready").get("reason") == "Draining")
    definition = await read(plane, "crd", "voiceregions.voiceplane.dev")  # of a version that was less strict
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["drainTimeout"] = {"type": "string"}
    await plane.kubectl("replace", "-f", "-", stdin=json.dumps(definition))
    patch = ("--type=merge", "-p", json.dumps({"spec": {"drainTimeout": "30h"}}))
    for _ in range(60):  # until the definition is taken up
        if await plane.kubectl("patch", "vr", "weak", *patch, check=False):
            break
        await asyncio.sleep(0.5)
    await plane.kubectl("annotate", "vr", "weak", GLASS)
    await until(plane, ("vr",), lambda raw: raw["items"] == [])


async def test_a_region_that_never_answered_is_let_go_without_waiting_for_calls(
    plane: Plane, operator: operating.Operator
) -> None:
    await apply(plane, (REGION % ("typo", "kubeConfig: {name: typo}")).replace("60s", "1h"))
    await until(plane, ("vr", "typo"), lambda raw: condition(raw, "Ready").get("reason") == "AccessDenied")
    await plane.kubectl("delete", "vr", "typo", "--timeout=30s")
    assert condition(await until(plane, DESK, ready), "Ready"), "what runs elsewhere goes on"


async def test_a_suspended_region_says_so_and_keeps_what_runs(plane: Plane, operator: operating.Operator) -> None:
    await until(plane, DESK, ready)
    await plane.kubectl("patch", "vr", "weak", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    raw = await until(plane, ("vr", "weak"), lambda raw: condition(raw, "Ready").get("reason") == "Suspended")
    assert "takes no new agents" in condition(raw, "Ready")["message"] and condition(raw, "Ready")["status"] == "True"
    await apply(plane, AGENT.replace("parcel-desk", "another"))
    told = await until(plane, ("va", "-n", "support", "another"), lambda raw: bool(condition(raw, "Ready")))
    assert "weak (suspended)" in condition(told, "Ready")["message"]
    await plane.kubectl("delete", "va", "-n", "support", "another", "--timeout=30s")
    await until(plane, DESK, ready)
