"""Calls move to a newer revision only when it has gateways for them, whatever became of its autoscaler. Pure."""

from dataclasses import replace
from typing import Any

import pytest
from tests.control.samples import AGENT, region, view_of
from tests.control.test_scaling_and_ways import EDITED, KEDA

from voiceplane_operator import names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan
from voiceplane_operator.decide.facts import AgentView, Pod, Rollout
from voiceplane_operator.decide.serving import answering
from voiceplane_operator.manifests.target import Target

ENGINES: list[dict[str, Any]] = [{"enabled": True}, KEDA]
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def key(wanted: Target) -> tuple[str, str]:
    return "Deployment", names.gateway_name(wanted.prefix, wanted.revision.name)


def edited(autoscaling: dict[str, Any], *, gateways: int, there: int, calls: int = 20) -> tuple[Target, str, AgentView]:
    """Return an edited agent whose former revision has so many gateways, and whose newest has so many and no scaler."""
    old = target_of(AGENT, region(autoscaling=autoscaling), calls=calls)
    new = target_of(EDITED, region(autoscaling=autoscaling), calls=calls)
    new = replace(new, others=(old.revision,))
    view, before = view_of(replace(new, serving=old.revision.name)), view_of(old)
    view.children = {one: child for one, child in view.children.items() if child.kind not in SCALERS}
    view.children[key(old)], view.rollouts[key(old)] = before.children[key(old)], Rollout(True, gateways, gateways)
    view.rollouts[key(new)] = Rollout(True, there, there)
    return new, old.revision.name, view


@pytest.mark.parametrize("autoscaling", ENGINES)
def test_calls_stay_while_the_new_revision_has_fewer_gateways_and_its_autoscaler_was_not_made(
    autoscaling: dict[str, Any],
) -> None:
    new, old, view = edited(autoscaling, gateways=3, there=1)
    planned = plan.converge(new, view)
    assert (planned.serving, answering(new, view), planned.ready) == (old, old, False)
    assert "gateways (1 of 3 are up)" in planned.message
    assert key(new)[1].replace(new.revision.name, old) not in {name for _, name in planned.delete}
    view.rollouts[key(new)] = Rollout(True, 3, 3)
    assert plan.converge(new, view).serving == new.revision.name


@pytest.mark.parametrize("autoscaling", ENGINES)
def test_a_new_revision_begins_with_as_many_gateways_before_its_autoscaler_is_made(autoscaling: dict[str, Any]) -> None:
    new, _, view = edited(autoscaling, gateways=3, there=1)
    (more,) = plan.converge(new, view).hand_over
    assert (more["metadata"]["name"], more["spec"]) == (key(new)[1], {"replicas": 3}), "a crash came between"
    del view.children[key(new)], view.rollouts[key(new)]
    planned = plan.converge(new, view)
    (begun,) = planned.begin
    assert (begun["metadata"]["name"], begun["spec"], planned.hand_over) == (key(new)[1], {"replicas": 3}, ())
    assert "replicas" not in next(one for one in planned.apply if one["metadata"]["name"] == key(new)[1])["spec"]
    assert not plan.converge(replace(new, others=()), AgentView()).begin, "nobody calls yet: one is enough"


def test_calls_wait_for_the_gateways_that_a_region_wants_which_has_just_lost_its_autoscaler() -> None:
    new, old, view = edited({}, gateways=3, there=1, calls=50)
    assert new.gateways == 3
    view.rollouts[key(new)] = Rollout(True, 1, 1)  # an autoscaler's, until the replicas are applied
    assert plan.converge(new, view).serving == old
    view.rollouts[key(new)] = Rollout(True, 3, 3)
    assert plan.converge(new, view).serving == new.revision.name


def test_calls_that_moved_for_want_of_any_other_gateway_go_back_and_no_gateway_goes() -> None:
    new, old, view = edited({"enabled": True}, gateways=3, there=1)
    moved = view_of(replace(new, serving=new.revision.name, floor=3))
    moved.children |= {one: child for one, child in view.children.items() if child.revision == old}
    moved.rollouts |= view.rollouts
    moved.pods = {f"p{n}": Pod(f"p{n}", "gateway", old, ready=False, ending=False) for n in range(3)}
    moved.rollouts[key(new)] = Rollout(True, 1, 1)
    old_key = ("Deployment", names.gateway_name(new.prefix, old))
    moved.rollouts[old_key] = Rollout(False, 3, 0)  # speech was away from all, and the newest had it back first
    planned = plan.converge(new, moved)
    assert (planned.serving, planned.ready) == (new.revision.name, False)
    assert old_key not in planned.delete, "they will be up again, and carry the calls"
    assert not any(one["kind"] in SCALERS for one in planned.apply), "it is as it was made, for three gateways"
    moved.rollouts[old_key] = Rollout(True, 3, 3)
    assert plan.converge(new, moved).serving == old
    moved.rollouts[key(new)] = Rollout(True, 3, 3)
    planned = plan.converge(new, moved)
    assert planned.serving == new.revision.name
