"""Nothing is written that guards nothing or says nothing new: budgets, addresses, statuses."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from tests.control.samples import AGENT, region, target, view_of

from voiceplane.contract.load import load_bundle
from voiceplane_operator import manifests
from voiceplane_operator.commands.files import target_of
from voiceplane_operator.decide import plan, status
from voiceplane_operator.decide.facts import AgentView, Rollout
from voiceplane_operator.hub import store
from voiceplane_operator.hub.queue import KeyedQueue
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.manifests import gateway
from voiceplane_operator.manifests.target import Target
from voiceplane_operator.reconcile import agents as reconcile
from voiceplane_operator.reconcile.bundles import Wish
from voiceplane_operator.regions.fleet import Fleet

WISH = Wish(load_bundle(AGENT).agent, target("on-prem").revision)


def budgets(wanted: Target) -> dict[str, Any]:
    """Return the budgets' bounds by part."""
    found = [one for one in manifests.render(wanted) if one["kind"] == "PodDisruptionBudget"]
    return {one["metadata"]["name"].rpartition("-")[2]: {k: v for k, v in one["spec"].items() if k != "selector"}
            for one in found}  # fmt: skip


def test_a_single_pod_has_no_budget_and_several_have_one_that_kubernetes_can_count() -> None:
    sizes = {part: {"replicas": 3} for part in ("speech", "planner", "tools")}
    bound = {"maxUnavailable": 1}
    assert budgets(target_of(AGENT, region("on-prem"), calls=7)) == {}
    wide = target_of(AGENT, region("on-prem", sizes=sizes, gateway={"calls": 10}))
    assert budgets(wide) == dict.fromkeys(("speech", "tools", "planner", "gateway"), bound)
    rays = target_of(AGENT, region("cloud", sizes=sizes))  # scaled: there may be several gateways
    assert budgets(rays) == {**budgets(wide), "planner": {"minAvailable": 2}}, "a RayCluster tells nobody its size"


def addressed(wanted: Target, view: AgentView) -> list[Any]:
    """Return the Service of SIP as it is applied next."""
    planned = plan.converge(wanted, view)
    return [one["spec"]["selector"] for one in planned.apply if one["metadata"]["name"].endswith("-sip")]


def test_an_address_is_made_when_it_leads_somewhere_and_stays_when_nothing_answers() -> None:
    wanted = target("on-prem")
    assert addressed(wanted, AgentView()) == []
    view = view_of(replace(wanted, serving=wanted.revision.name))
    key = gateway.address(wanted)
    assert plan.converge(wanted, view).message.endswith(f", at Service voiceplane/{key[1]}"), "people are told it"
    del view.children[key]
    assert [one["voiceplane.dev/revision"] for one in addressed(wanted, view)] == [wanted.revision.name]
    down = view_of(replace(wanted, serving=wanted.revision.name))
    down.rollouts = dict.fromkeys(down.rollouts, Rollout(False, 1, 0))
    assert [one["voiceplane.dev/revision"] for one in addressed(wanted, down)] == [gateway.NOBODY]
    assert key not in plan.converge(wanted, down).delete
    balanced = target_of(AGENT, region("on-prem", network={"serviceType": "LoadBalancer"}))
    assert [one["voiceplane.dev/revision"] for one in addressed(balanced, AgentView())] == [gateway.NOBODY]


@dataclass
class Patched:
    """What stands for the hub's API server: it takes statuses and counts them."""

    statuses: list[Any] = field(default_factory=list)

    async def patch(self, kind: str, name: str, namespace: str | None, body: Any, *, part: str = "") -> Any:
        self.statuses.append(body["status"])
        return {**raw(), "status": body["status"]}

    async def create(self, kind: str, namespace: str | None, body: Any) -> Any:
        return body


def raw() -> Any:
    meta = {"name": "desk", "namespace": "support", "uid": "u", "generation": 1, "resourceVersion": "1"}
    return {"kind": "VoiceAgent", "metadata": meta, "spec": {}}


@pytest.mark.asyncio
async def test_words_about_the_same_state_wait_and_a_change_of_state_does_not() -> None:
    cluster, queue = Patched(), KeyedQueue(asyncio.get_running_loop().time)
    hub = Hub("hub", cast(Any, cluster), store.Store(), cast(Fleet, None), queue)
    agents = reconcile.AgentReconciler(hub)
    hub.store.put(store.read(raw()))

    async def write(ready: str, reason: str, words: str) -> float | None:
        stored = hub.store.get("VoiceAgent", "support/desk")
        assert stored is not None
        return await agents._write(stored, [status.Judged("Ready", ready, reason, words)], None, ())

    assert await write("False", "Starting", "waiting for speech, tools") is None
    later_s = await write("False", "Starting", "waiting for tools")
    assert later_s is not None and 0.0 < later_s <= reconcile.WORDS_S
    assert await write("True", "Serving", "answers") is None and await write("True", "Serving", "answers") is None
    assert [one["conditions"][0]["message"] for one in cluster.statuses] == ["waiting for speech, tools", "answers"]
    agents._told["support/desk"] -= reconcile.WORDS_S
    assert await write("True", "Serving", "answers in two regions") is None
    assert len(cluster.statuses) == 3, "when the last words are old, new ones are written"


@pytest.mark.asyncio
@pytest.mark.parametrize(("reason", "waits"), [("Starting", True), ("PolicyNotFound", True), ("PodsInTrouble", False)])
async def test_a_new_agent_that_begins_as_it_should_is_told_of_when_it_is_ready_or_a_moment_later(
    reason: str, waits: bool
) -> None:
    cluster, queue = Patched(), KeyedQueue(asyncio.get_running_loop().time)
    hub = Hub("hub", cast(Any, cluster), store.Store(), cast(Fleet, None), queue)
    agents = reconcile.AgentReconciler(hub)
    hub.store.put(store.read(raw()))

    async def write(ready: str, reason: str) -> float | None:
        stored = hub.store.get("VoiceAgent", "support/desk")
        assert stored is not None
        outcome = status.Outcome("here", ready, reason, "words")
        return await agents._write(stored, [status.Judged("Ready", ready, reason, "words")], WISH, (outcome,))

    later_s = await write("False", reason)
    assert (later_s is not None and 0.0 < later_s <= reconcile.BEGINS_S, not cluster.statuses) == (waits, waits)
    if waits:
        agents._told["support/desk"] -= reconcile.BEGINS_S
        assert await write("False", reason) is None and len(cluster.statuses) == 1, "it takes its time"
    assert await write("True", "Serving") is None, "and that it is Ready never waits"
    assert cluster.statuses[-1]["conditions"][0]["status"] == "True" and len(cluster.statuses) == 2


@pytest.mark.asyncio
async def test_a_region_counts_an_agent_again_whose_objects_came_after_it_was_told_as_slow() -> None:
    queue = KeyedQueue(lambda: 0.0)
    agents = reconcile.AgentReconciler(Hub("hub", cast(Any, None), store.Store(), cast(Fleet, None), queue))

    def wakes(before: list[status.Outcome], after: list[status.Outcome]) -> set[str]:
        states = status.region_states(tuple(before), [], now="", generation=1)
        agents._wake_regions({"regionStates": states}, tuple(after))
        woken = {key.name for key in queue._entries}
        queue._entries.clear()
        return woken

    slow = status.Outcome("here", "Unknown", "Slow", "no answer")
    starting, serving = replace(slow, ready="False", reason="Starting"), replace(slow, ready="True", reason="Serving")
    assert (
        wakes([], [slow]) == wakes([slow], [starting]) == wakes([slow], [serving]) == wakes([serving], []) == {"here"}
    )
    assert wakes([serving], [replace(serving, message="answers")]) == wakes([slow], [slow]) == set()
