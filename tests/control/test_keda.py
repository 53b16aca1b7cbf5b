"""What the operator makes for KEDA, against KEDA's own definitions on a real API server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.cluster import keda
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, apply, condition, read, ready, until
from tests.control.test_rendered import missing

from voiceplane.contract.region import VoiceRegion
from voiceplane_operator import manifests, names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.manifests.target import Target

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
DESK = ("va", "-n", "support", "parcel-desk")
KEDA = {"enabled": True, "engine": "keda", "prometheus": "http://prometheus.monitoring:9090"}


def region(autoscaling: dict[str, Any]) -> dict[str, Any]:
    spec = {"mode": "cloud", "location": "US", "inCluster": {}, "planner": {"engine": "ray"}, "capacity": 1000,
            "gateway": {"calls": 8}, "autoscaling": autoscaling}  # fmt: skip
    return {"apiVersion": "voiceplane.dev/v1alpha1", "kind": "VoiceRegion", "metadata": {"name": "here"}, "spec": spec}


def rendered(autoscaling: dict[str, Any], kind: str) -> tuple[Target, dict[str, Any]]:
    target = target_of(AGENT, VoiceRegion.model_validate(region(autoscaling)))
    found = [one for one in manifests.render(target) if one["kind"] == kind]
    (one,) = [one for one in found if one["metadata"]["name"].endswith(target.revision.name)]
    return target, one


async def _repaired(plane: Plane, target: Target) -> None:
    """Take one of the agent's objects away, and wait until a pass over all of them has brought it back."""
    policies = ("networkpolicies", "-n", "voiceplane", "-l", f"{names.AGENT}={target.prefix}")
    await plane.kubectl("delete", "networkpolicy", "-n", "voiceplane", f"{target.prefix}-agent")
    await until(plane, policies, lambda raw: len(raw["items"]) == 1)
    await until(plane, DESK, ready)


async def _edited_without_keda(plane: Plane, *, first: str) -> None:
    """Edit the agent and take it back: calls move to as many gateways as answered them, which nothing scales."""

    def moved(raw: dict[str, Any]) -> bool:
        (state,) = raw["status"]["regionStates"]
        told = condition(raw, "Ready")
        return state["revision"] == raw["status"]["revision"] != first and state["revision"] in told["message"]

    await apply(plane, AGENT.replace("How can I help you?", "What can I do for you?"))
    told = await until(plane, DESK, moved)
    assert condition(told, "Ready")["reason"] == "KedaMissing"
    assert await replicas(plane, told["status"]["revision"]) == 3
    await apply(plane, AGENT)
    await until(plane, DESK, lambda raw: raw["status"]["regionStates"][0]["revision"] == first)


async def replicas(plane: Plane, revision: str = "") -> int:
    target, gateway = rendered({}, "Deployment")
    name = gateway["metadata"]["name"].replace(target.revision.name, revision or target.revision.name)
    live = await read(plane, "deployment", "-n", "voiceplane", name)
    return int(live["spec"]["replicas"])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    folder = tmp_path_factory.mktemp("keda")
    async with (
        running_plane(folder / "plane", PlaneOptions(controllers=False)) as running,
        controllers.rolling_out(running),
    ):
        await operating.prepare(running)
        yield running


async def test_keda_is_missed_by_name_and_taken_when_it_comes_and_the_gateways_stay_as_many(
    plane: Plane, tmp_path: Path
) -> None:
    async with operating.operating(plane, tmp_path, "--no-lease"):
        await apply(plane, json.dumps(region({})))
        await apply(plane, AGENT)
        await until(plane, DESK, ready)
        assert await replicas(plane) == 3, "20 calls at 8 a gateway"

        await apply(plane, json.dumps(region(KEDA)))
        told = await until(plane, DESK, lambda raw: condition(raw, "Ready").get("reason") == "KedaMissing")
        assert "install KEDA, or set autoscaling.engine: hpa" in condition(told, "Ready")["message"]
        assert condition(told, "Stalled")["status"] == "True"
        assert await replicas(plane) == 3, "calls are answered as before"
        await _edited_without_keda(plane, first=told["status"]["revision"])

        await keda.install_kinds(plane)
        await until(plane, DESK, ready)
        target, wanted = rendered(KEDA, "ScaledObject")
        name = wanted["metadata"]["name"]
        # A revision that is still going holds the fewest gateways up until then.
        scaled = ("scaledobject", "-n", "voiceplane", name)
        live = await until(plane, scaled, lambda raw: missing(wanted, raw) == [])
        strict = ("apply", "--server-side", "--validate=strict", "--dry-run=server", "--force-conflicts", "-f", "-")
        await plane.kubectl(*strict, stdin=json.dumps(wanted))
        assert await replicas(plane) == 3

        copied = {key: live["metadata"][key] for key in ("namespace", "labels", "annotations")}
        owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": name, "controller": True,
                 "uid": live["metadata"]["uid"]}  # fmt: skip
        _, made = rendered({"enabled": True}, "HorizontalPodAutoscaler")
        made["metadata"] = {**copied, "name": f"keda-hpa-{name}", "ownerReferences": [owner]}
        await plane.kubectl("create", "-f", "-", stdin=json.dumps(made))  # as KEDA does
        before = await read(plane, "hpa", "-n", "voiceplane", f"keda-hpa-{name}")
        await _repaired(plane, target)
        after = await read(plane, "hpa", "-n", "voiceplane", f"keda-hpa-{name}")
        assert before["metadata"] == after["metadata"], "the operator leaves KEDA's autoscaler alone"
        await plane.kubectl("delete", "hpa", "-n", "voiceplane", f"keda-hpa-{name}")


async def test_a_region_changes_its_autoscaler_and_no_gateway_goes(plane: Plane, tmp_path: Path) -> None:
    kinds = "hpa,scaledobjects"

    def only(kind: str) -> Any:
        return lambda raw: {one["kind"] for one in raw["items"] if not one["metadata"].get("ownerReferences")} == {kind}

    await keda.install_kinds(plane)
    async with operating.operating(plane, tmp_path, "--no-lease"):
        await apply(plane, json.dumps(region({})))
        await apply(plane, AGENT)
        await until(plane, DESK, lambda raw: ready(raw) and condition(raw, "Reconciling")["status"] == "False")
        assert await replicas(plane) == 3
        for autoscaling, kind in (({"enabled": True}, "HorizontalPodAutoscaler"), (KEDA, "ScaledObject")):
            await apply(plane, json.dumps(region(autoscaling)))
            await until(plane, (kinds, "-n", "voiceplane"), only(kind))
            assert await replicas(plane) == 3
        await until(plane, DESK, ready)
        gateway = ("deployment", "-n", "voiceplane", rendered(KEDA, "Deployment")[1]["metadata"]["name"])
        await plane.kubectl("scale", *gateway, "--replicas=5")
        await apply(plane, json.dumps(region({})))
        await until(plane, (kinds, "-n", "voiceplane"), lambda raw: not raw["items"])
        await until(plane, gateway, lambda raw: raw["spec"]["replicas"] == 3)


async def test_kedas_admission_takes_what_is_made_for_it_over_switches_and_edits(plane: Plane, tmp_path: Path) -> None:
    await keda.install_kinds(plane)
    scaled = ("scaledobjects", "-n", "voiceplane")
    async with keda.admitting(plane, tmp_path / "keda"), operating.operating(plane, tmp_path, "--no-lease"):
        await apply(plane, json.dumps(region({"enabled": True})))
        await apply(plane, AGENT)
        await until(plane, ("hpa", "-n", "voiceplane"), lambda raw: len(raw["items"]) == 1)
        first = await until(plane, DESK, ready)
        await apply(plane, json.dumps(region(KEDA)))  # refused as long as the other autoscaler has the Deployment
        (live,) = (await until(plane, scaled, lambda raw: len(raw["items"]) == 1))["items"]
        await until(plane, DESK, ready)
        twin = {**live, "metadata": {"name": "twin", "namespace": "voiceplane"}}
        with pytest.raises(AssertionError, match="already managed by the ScaledObject"):
            await apply(plane, json.dumps(twin))  # so it is asked, and does refuse
        await plane.kubectl(
            "patch", *scaled, live["metadata"]["name"], "--type=merge", "-p", '{"spec": {"maxReplicaCount": 7}}'
        )
        await until(plane, scaled, lambda raw: raw["items"][0]["spec"]["maxReplicaCount"] != 7)
        await apply(plane, AGENT.replace("How can I help you?", "What can I do for you?"))

        def edited(raw: Any) -> bool:
            return bool(raw["status"]["revision"] != first["status"]["revision"])

        newest = (await until(plane, DESK, edited))["status"]["revision"]

        def admitted(raw: Any) -> bool:
            return any(one["metadata"]["name"].endswith(newest) for one in raw["items"])

        await until(plane, scaled, admitted)
        await until(plane, DESK, ready)
        assert await replicas(plane, newest) == 3, "as many as took the calls, before KEDA's operator looks at it"
