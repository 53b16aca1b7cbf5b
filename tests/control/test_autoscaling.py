"""The gateways of an agent get an autoscaler, lose it, and keep what another controller makes of it. Pure."""

from dataclasses import replace
from typing import Any

import pytest
from tests.control.samples import AGENT, region, target, view_of
from tests.control.test_scaling_and_ways import KEDA

from voiceplane_operator import names
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import facts, plan
from voiceplane_operator.decide.facts import AgentView, Rollout
from voiceplane_operator.manifests.target import Target
from voiceplane_operator.regions.watch import RegionWatch


def scaled(engine: str) -> Target:
    more: dict[str, Any] = KEDA if engine == "keda" else {"enabled": True, "engine": engine}
    return target_of(AGENT, region(autoscaling=more))


def gateway(wanted: Target) -> tuple[str, str]:
    return "Deployment", names.gateway_name(wanted.prefix, wanted.revision.name)


@pytest.mark.parametrize("engine", ["hpa", "keda"])
def test_gateways_that_get_an_autoscaler_stay_as_many_as_they_were(engine: str) -> None:
    fixed, wanted = target_of(AGENT, region(autoscaling={})), scaled(engine)
    view = view_of(replace(fixed, serving=fixed.revision.name))
    view.rollouts[gateway(fixed)] = Rollout(True, 5, 5)
    (kept,) = plan.converge(wanted, view).hand_over
    assert (kept["metadata"]["name"], kept["spec"]) == (gateway(fixed)[1], {"replicas": 5})
    assert not plan.converge(wanted, AgentView()).hand_over, "new gateways are nobody's yet"


def test_an_autoscaler_that_is_there_decides_alone() -> None:
    wanted = scaled("hpa")
    view = view_of(replace(wanted, serving=wanted.revision.name))
    view.children[gateway(wanted)] = replace(view.children[gateway(wanted)], applied="another")
    planned = plan.converge(wanted, view)
    assert gateway(wanted) in {(one["kind"], one["metadata"]["name"]) for one in planned.apply}
    assert not planned.hand_over


def test_what_another_controller_makes_of_ours_is_not_ours() -> None:
    wanted, told = target(), list[str]()
    watch = RegionWatch(None, "voiceplane", "hub", told.append)  # type: ignore[arg-type]
    meta = {"name": "keda-hpa-gateway", "resourceVersion": "7", "labels": {names.AGENT: wanted.prefix},
            "annotations": {names.OWNER: wanted.owner},
            "ownerReferences": [{"kind": "ScaledObject", "name": "gateway", "controller": True}]}  # fmt: skip
    watch._take(KINDS["HorizontalPodAutoscaler"], {"metadata": meta})
    assert watch.view(wanted.prefix).empty() and not told
    assert facts.of_another(meta) and not facts.of_another({**meta, "ownerReferences": []})


@pytest.mark.parametrize(("engine", "ready"), [("hpa", True), ("", False)])
def test_an_agent_stays_ready_when_its_autoscaler_changes_the_count(engine: str, ready: bool) -> None:
    wanted = scaled(engine) if engine else target_of(AGENT, region(autoscaling={}))
    serving = replace(wanted, serving=wanted.revision.name)
    view = view_of(serving)
    assert plan.converge(wanted, view).ready
    view.children[gateway(wanted)] = replace(view.children[gateway(wanted)], intact=False)
    planned = plan.converge(wanted, view)
    assert [one["kind"] for one in planned.apply] == ["Deployment"], "in case somebody changed more than the count"
    assert planned.ready is ready
