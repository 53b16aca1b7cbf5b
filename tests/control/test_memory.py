"""What the operator remembers of objects: from events, from the answers to its own writes, in whichever order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from tests.control.samples import target

from voiceplane_operator import manifests
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.decide import facts, plan
from voiceplane_operator.decide.facts import Rollout
from voiceplane_operator.hub.queue import KeyedQueue
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Store, Stored
from voiceplane_operator.regions.fleet import Fleet
from voiceplane_operator.regions.watch import RegionWatch

NAME = "support/desk"


def raw(version: int, *, generation: int = 1, policy: str = "retail", **meta: Any) -> dict[str, Any]:
    named = {"name": "desk", "namespace": "support", "uid": "u", "generation": generation}
    spec = {"policyRef": {"name": policy}}
    return {"kind": "VoiceAgent", "metadata": {**named, "resourceVersion": str(version), **meta}, "spec": spec}


@dataclass
class Answering:
    """What stands for an API server: while it answers a write, something else may be heard."""

    meanwhile: Callable[[], object]

    async def patch(self, *_: object, part: str = "") -> dict[str, Any]:
        self.meanwhile()
        return {"metadata": {"name": "desk", "namespace": "support", "resourceVersion": "7"}}

    async def create(self, *_: object) -> None: ...


def hub(store: Store, meanwhile: Callable[[], object] = lambda: None) -> Hub:
    queue = KeyedQueue(asyncio.get_running_loop().time)
    return Hub("hub", cast(Any, Answering(meanwhile)), store, cast(Fleet, None), queue)


def known(store: Store) -> Stored:
    found = store.get("VoiceAgent", NAME)
    assert found is not None
    return found


@pytest.mark.asyncio
async def test_an_own_write_is_remembered_from_its_metadata_and_with_what_it_leaves() -> None:
    store = Store()
    store.put(replace(store.read(raw(5)), status={"regions": "0/1", "calls": 3}))
    await hub(store).write_status(known(store), {"regions": "1/1", "calls": None})
    assert (known(store).version, known(store).status) == ("7", {"regions": "1/1"})
    await hub(store).set_finalizers(known(store), ["a"])
    assert known(store).finalizers == ("a",) and known(store).status == {"regions": "1/1"}


@pytest.mark.asyncio
async def test_an_own_write_takes_back_nothing_that_was_heard_while_it_was_answered() -> None:
    store = Store()
    store.put(store.read(raw(5)))
    edited = store.read(raw(9, generation=2))
    await hub(store, lambda: store.put(edited)).write_status(known(store), {"regions": "1/1"})
    assert known(store) is edited
    await hub(store, lambda: store.drop("VoiceAgent", NAME)).write_status(known(store), {"regions": "0/1"})
    assert store.get("VoiceAgent", NAME) is None, "nor does it bring back what is gone"


def test_a_spec_is_written_anew_only_when_its_generation_is_another() -> None:
    store = Store()
    store.put(store.read(raw(5)))
    first = known(store)
    store.put(store.read(raw(6, policy="of no importance: the generation tells")))
    assert known(store).spec is first.spec and known(store).version == "6"
    store.put(store.read(raw(7, generation=2, policy="other")))
    assert store.agents_of_policy("support/other") == {NAME} and not store.agents_of_policy("support/retail")
    store.put(store.read(raw(8, generation=2, policy="third", uid="of a new one")))
    assert store.agents_of_policy("support/third") == {NAME}
    store.drop("VoiceAgent", NAME)
    assert not store.agents_of_policy("support/third")


def test_a_workload_that_was_applied_anew_is_not_up_until_its_controller_says_so() -> None:
    watch, told = RegionWatch(None, "voiceplane", "hub", lambda _: None), target("on-prem")  # type: ignore[arg-type]
    deployment = next(one for one in map(plan.marked, manifests.render(told)) if one["kind"] == "Deployment")
    key, pods = ("Deployment", deployment["metadata"]["name"]), deployment["spec"]["replicas"]

    def at(version: int, generation: int, observed: int = 0) -> dict[str, Any]:
        meta = {**deployment["metadata"], "resourceVersion": str(version), "generation": generation}
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), pods)
        return {**deployment, "metadata": meta, "status": {"observedGeneration": observed, **counts}}

    def answered(version: int, generation: int) -> dict[str, Any]:
        return {"kind": "Deployment", "metadata": at(version, generation)["metadata"]}

    watch.applied(answered(11, 1), replicas=pods)
    view = watch.view(told.prefix)
    assert view.rollouts[key] == Rollout(False, pods, 0)
    watch._take(KINDS["Deployment"], at(12, 1, observed=1))
    assert view.rollouts[key].current
    watch.applied(answered(13, 1), replicas=pods)
    assert view.rollouts[key].current, "an apply that changes its labels only"
    watch.applied(answered(14, 2), replicas=pods + 1)
    assert view.rollouts[key] == Rollout(False, pods + 1, pods), "new content, of which those from before are available"
    watch._take(KINDS["Deployment"], at(15, 2, observed=2))
    watch.applied(answered(16, 3))
    assert view.rollouts[key].wanted == facts.rollout(at(15, 2), "Deployment").wanted, "a scaler has the number"
