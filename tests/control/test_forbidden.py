"""A watch that is allowed no more after its region was opened: people are told which rule is missing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, kuberay, operating
from tests.control.faults import way_to
from tests.control.operating import AGENT, REGION, apply, condition, events, ready, until

from voiceplane_operator.api.kinds import CHILDREN, POD, Api

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio]
DESK, FAR = ("va", "-n", "support", "parcel-desk"), ("vr", "far")
ALL = ["get", "list", "watch", "create", "update", "patch", "delete"]


def _rule(api: Api) -> dict[str, Any]:
    group = api.base.split("/")[2] if api.base.startswith("/apis/") else ""
    return {"apiGroups": [group], "resources": [api.plural], "verbs": ALL}


async def _role(plane: Plane, rules: list[dict[str, Any]]) -> None:
    meta = {"name": "hub", "namespace": "far"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules}
    await apply(plane, json.dumps(role))


async def _prepared(plane: Plane) -> str:
    """Make a region in a namespace of its own; return the token of an account that may do there what its Role says."""
    await operating.prepare(plane)
    await plane.kubectl("create", "namespace", "far")
    await plane.kubectl("create", "serviceaccount", "hub", "-n", "far")
    await plane.kubectl("create", "rolebinding", "hub", "-n", "far", "--role=hub", "--serviceaccount=far:hub")
    return (await plane.kubectl("create", "token", "hub", "-n", "far")).strip()


async def test_a_watch_that_is_allowed_no_more_is_told_with_its_rule_until_it_is_allowed_again(tmp_path: Path) -> None:
    rules = [_rule(api) for api in (*CHILDREN, POD)]
    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane, way_to(plane) as way:
        content = way.kubeconfig(await _prepared(plane))
        await _role(plane, rules)
        secret = f"--from-literal=kubeconfig={content}"
        await plane.kubectl("create", "secret", "generic", "-n", "voiceplane-system", "far", secret)
        await apply(plane, REGION % ("far", "capacity: 1000, namespace: far, kubeConfig: {name: far}"))
        async with controllers.rolling_out(plane, "far"), operating.operating(plane, tmp_path, "--no-lease"):
            await apply(plane, AGENT)
            well = await until(plane, DESK, ready)
            await until(plane, FAR, lambda raw: condition(raw, "WatchesCurrent").get("status") == "True")
            await _role(plane, [one for one in rules if one["resources"] != ["pods"]])
            await way.cut(of="/pods")  # it would go on for minutes: API servers ask only at its begin
            blind = await until(plane, FAR, lambda raw: condition(raw, "WatchesCurrent").get("status") == "False")
            assert condition(blind, "Ready")["status"] == "True", "the region answers"
            unseen = await until(plane, DESK, lambda raw: condition(raw, "Ready").get("reason") == "WatchForbidden")
            assert condition(unseen, "Ready")["status"] == "Unknown"
            assert unseen["status"]["revision"] == well["status"]["revision"]
            told = condition(unseen, "Ready")["message"]
            assert "may not watch pods in namespace far" in told and told.endswith(
                condition(blind, "WatchesCurrent")["message"]
            )
            rule = yaml.safe_load(told[told.index("{") :])  # what a person would do: add what the message says
            await _role(plane, [*(one for one in rules if one["resources"] != ["pods"]), rule])
            await until(plane, FAR, lambda raw: condition(raw, "WatchesCurrent").get("status") == "True", within_s=150)
            await until(plane, DESK, ready)
            assert (await events(plane))[-2:] == [("Warning", "WatchForbidden"), ("Normal", "Serving")]


async def test_a_kind_that_is_there_and_not_allowed_is_told_with_the_right_and_not_as_missing(tmp_path: Path) -> None:
    rules = [_rule(api) for api in (*CHILDREN, POD) if api.kind != "RayService"]
    far = (REGION % ("far", "namespace: far, kubeConfig: {name: far}")).replace("engine: ray", "engine: kuberay")
    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane:
        content = json.loads(operating.portable_kubeconfig(plane))
        content["users"][0]["user"]["token"] = await _prepared(plane)
        await _role(plane, rules)
        secret = f"--from-literal=kubeconfig={json.dumps(content)}"
        await plane.kubectl("create", "secret", "generic", "-n", "voiceplane-system", "far", secret)
        await apply(plane, far)
        async with operating.operating(plane, tmp_path, "--no-lease"):
            await apply(plane, AGENT)
            lacking = await until(plane, DESK, lambda raw: condition(raw, "Stalled").get("reason") == "KubeRayMissing")
            assert "install KubeRay" in condition(lacking, "Ready")["message"], "its definition is not there"
            await apply(plane, kuberay.DEFINITION)
            denied = await until(plane, DESK, lambda raw: condition(raw, "Stalled").get("reason") == "KubeRayDenied")
            told = condition(denied, "Ready")["message"]
            assert "may not list rayservices (ray.io/v1) in namespace far" in told and "install" not in told
            assert "kuberay=true in chart voiceplane-region" in told
            await _role(plane, [*rules, yaml.safe_load(told[told.index("{") :])])
            await until(plane, ("rayservices", "-n", "far"), lambda raw: len(raw["items"]) == 1)
