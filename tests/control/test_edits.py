"""Edits that follow each other faster than they come up: none of them holds the last one up."""

from dataclasses import replace

import pytest
from tests.control.samples import AGENT, region, view_of

from voiceplane_operator import names
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan
from voiceplane_operator.decide.facts import AgentView
from voiceplane_operator.manifests.target import Target


def edited(number: int) -> Target:
    """Return the agent after so many edits."""
    return target_of(AGENT.replace("How can", f"Now, {number}, how can"), region("on-prem"))


def gateway_of(one: Target) -> tuple[str, str]:
    """Return the Deployment of a revision's gateways."""
    return "Deployment", names.gateway_name(one.prefix, one.revision.name)


def after_four_edits(serves: Target | None) -> tuple[Target, AgentView, list[Target]]:
    """Return the fifth edit, what is there, and the four before: only the first of them is up, if it serves."""
    before, last = [edited(number) for number in range(4)], edited(4)
    last = replace(last, others=tuple(one.revision for one in before))
    view = view_of(replace(last, serving=serves.revision.name if serves else ""))
    for key in [key for key, one in view.children.items() if one.revision == last.revision.name]:
        del view.children[key]
        view.rollouts.pop(key, None)
    for one in before:
        key = gateway_of(one)
        made = view_of(one)
        available = 1 if serves is not None and one.revision == serves.revision else 0
        view.children[key] = made.children[key]
        view.rollouts[key] = replace(made.rollouts[key], available=available, current=bool(available))
    return last, view, before


@pytest.mark.parametrize("one_serves", [True, False])
def test_a_fifth_edit_begins_though_none_of_those_before_came_up(one_serves: bool) -> None:
    last, view, before = after_four_edits(edited(0) if one_serves else None)
    planned = plan.converge(last, view)
    assert planned.reason == "RolloutWaits"
    gone = [gateway_of(one) for one in (before[1:] if one_serves else before)]
    assert [key for key in planned.delete if key[0] == "Deployment"] == gone
    for key in gone:
        del view.children[key], view.rollouts[key]
    again = replace(last, others=(before[0].revision,) if one_serves else ())
    begun = [one["metadata"]["name"] for one in plan.converge(again, view).apply if one["kind"] == "Deployment"]
    assert gateway_of(last)[1] in begun
