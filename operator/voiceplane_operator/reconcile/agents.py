"""Reconcile one VoiceAgent: parse, place, converge every region at once, judge, write the status. Level-based.

Whatever woke the key, the pass is the same; run it again and nothing changes.
"""

import asyncio
import functools
import logging
import math
from dataclasses import dataclass, field, replace
from typing import Any

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import errors, names
from voiceplane_operator.decide import status, steps
from voiceplane_operator.decide.placement import Candidate, Choice, choose
from voiceplane_operator.decide.serving import answering
from voiceplane_operator.decide.status import Outcome, Scaling
from voiceplane_operator.hub.queue import Key, Urgency
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Stored
from voiceplane_operator.manifests.target import Target
from voiceplane_operator.moments import now_text
from voiceplane_operator.reconcile import converge
from voiceplane_operator.reconcile.behind import Behind, Step
from voiceplane_operator.reconcile.bundles import Wish
from voiceplane_operator.reconcile.leaving import Leaving, judged
from voiceplane_operator.reconcile.wishes import Wishes
from voiceplane_operator.regions.fleet import Contact

log = logging.getLogger(__name__)
SOON_S = 5.0  # while something is under way; watches usually speak first
OPENING_S = 1.0
CREDENTIAL_S = 60.0
WORDS_S = 5.0  # between words about the same state: four workloads that begin would each change them
BEGINS_S = 2.0  # for which a new agent that begins as it should is not told of: it may be Ready by then
NOWHERE = Choice(())
COUNT_S = 2.0  # by then the region's watch has seen the change
Object = dict[str, Any]


@dataclass(slots=True)
class AgentReconciler:
    """Reconciles agents of one hub."""

    hub: Hub
    texts: converge.Texts = field(default_factory=converge.Texts)
    wishes: Wishes = field(init=False)
    behind: Behind = field(init=False)
    # Agent -> loop seconds when its status was written, or when it would have been for the first time.
    _told: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read wishes from the hub's memory."""
        self.wishes = Wishes(self.hub)
        self.behind = Behind(lambda owner: self.hub.queue.add(Key("VoiceAgent", owner), Urgency.OBSERVED))

    async def reconcile(self, name: str) -> float | None:
        """Do one pass; return after how many seconds to look again, if not only when something changes."""
        stored = self.hub.store.get("VoiceAgent", name)
        if stored is None:
            self._share(name, NOWHERE)
            self._told.pop(name, None)
            return await self._collect_orphans(name)
        if stored.deleted_at:
            return await self._remove(stored)
        try:
            wish = self.wishes.parse(stored)
            credential = await self.wishes.credential(stored, wish.revision)
        except errors.InvalidObjectError as error:
            return await self._invalid(stored, error)
        if names.FINALIZER not in stored.finalizers:
            await self.hub.set_finalizers(stored, [*stored.finalizers, names.FINALIZER])
            stored = self.hub.store.get("VoiceAgent", name) or stored
        choice = choose(wish.agent.spec.placement, self._candidates(stored))
        self._share(name, choice)
        if not choice.shares and self._any_opening():
            return OPENING_S  # too early to say that nothing fits
        return await self._step(stored, wish, choice, credential=credential)

    async def _invalid(self, stored: Stored, error: errors.InvalidObjectError) -> float | None:
        """Say what is wrong; what has run until now is kept, repaired, and taken out of regions that go."""
        again_s = CREDENTIAL_S if error.reason in ("CredentialNotFound", "CredentialDenied") else None
        opening = self._any_opening()  # before what ran is looked for: a region that is up later was not asked
        wish = await self.wishes.last_good(stored, self.texts)
        if wish is not None:
            choice = choose(wish.agent.spec.placement, self._candidates(stored))
            self._share(stored.full_name, choice)
            after_s = await self._step(stored, wish, choice, stalled=error)
            return _soonest(after_s, again_s)
        if stored.status.get("revision") and opening:
            return OPENING_S  # too early to say that nothing runs
        later_s = await self._write(stored, status.invalid(error.reason, str(error)), None, ())
        left = await self._leaving(stored.full_name).leave(self._staying())
        return _soonest(later_s, SOON_S if left else again_s)

    async def _step(
        self, stored: Stored, wish: Wish, choice: Choice, *, credential: str = "",
        stalled: errors.InvalidObjectError | None = None,
    ) -> float | None:  # fmt: skip
        """Converge the chosen regions, leave the others, and write how it stands."""
        outcomes = await self._converge(stored, wish, choice, credential=credential)
        # By what was seen: a region that was being opened when it was looked at may be up by now.
        opening = any(one.reason == converge.CONNECTING for one in outcomes)
        if opening and stored.status.get("observedGeneration") == stored.generation:
            return OPENING_S  # this process has just begun: what the status says holds until more is known
        told = status.agent_conditions(choice, outcomes, wish.revision.name)
        if stalled is not None:
            told = status.stalled(told, stalled.reason, str(stalled))
        later_s = await self._write(stored, told, wish, outcomes)
        leaving = await self._leaving(stored.full_name).leave({region for region, _ in choice.shares})
        self._wake_regions(stored.status, outcomes)
        settled = not leaving and all(_settled(one) for one in outcomes)
        lasts_s = _soonest(*(one.scaling.again_s for one in outcomes if one.scaling is not None))
        return _soonest(later_s, lasts_s, CREDENTIAL_S if settled and credential else None, None if settled else SOON_S)

    def _share(self, agent: str, choice: Choice) -> None:
        """Take what an agent may have; who lacks calls is placed anew when some become free."""
        for short in self.hub.shares.put(agent, dict(choice.shares), short=choice.reason == "TooFewCalls"):
            self.hub.queue.add(Key("VoiceAgent", short), Urgency.OBSERVED)

    def _any_opening(self) -> bool:
        return any(one.contact is Contact.OPENING for one in self.hub.fleet.regions.values())

    def _wake_regions(self, before: Object, outcomes: tuple[Outcome, ...]) -> None:
        """Let regions that this agent has joined or left count their agents anew.

        By reason: one that is told as Slow has nothing of the agent yet.
        """
        states = before.get("regionStates") or ()
        old = {(one.get("name"), (one.get("condition") or {}).get("reason")) for one in states}
        for region in {name for name, _ in old ^ {(one.region, one.reason) for one in outcomes}}:
            self.hub.queue.add(Key("VoiceRegion", str(region)), Urgency.OBSERVED, delay_s=COUNT_S)

    def _candidates(self, stored: Stored) -> tuple[Candidate, ...]:
        there = {one.get("name") for one in stored.status.get("regionStates") or ()}
        prefix = names.prefix(stored.full_name)
        found = []
        for region in self.hub.fleet.regions.values():
            known = self.hub.store.get("VoiceRegion", region.name)
            holds = region.name in there or (region.watch is not None and prefix in region.watch.views)
            leaving = known is None or bool(known.deleted_at)
            taken = self.hub.shares.of_others(stored.full_name, region.name)
            own = self.hub.shares.own(stored.full_name, region.name)
            answers = region.contact is Contact.UP
            problem = "" if answers else region.reason
            found.append(
                Candidate(region.name, region.spec, answers, leaving, holds, taken=taken, own=own, problem=problem)
            )
        return tuple(found)

    async def _converge(self, stored: Stored, wish: Wish, choice: Choice, *, credential: str) -> tuple[Outcome, ...]:
        trunks = (one.raw() for one in self.hub.store.trunks_of_agent(stored.full_name))
        everywhere = wish.everywhere(self.hub.name, trunks, credential=credential)
        regions, revision = self.hub.fleet.regions, wish.revision.name
        targets = {name: everywhere.in_region(name, regions[name].spec, calls=calls) for name, calls in choice.shares}
        views = {
            name: region.watch.view(targets[name].prefix)
            for name, region in regions.items()
            if name in targets and region.watch is not None and region.contact is Contact.UP
        }
        free = steps.admitted(
            wish.agent.spec.rollout.steps, choice.shares,
            done={name for name, view in views.items() if answering(targets[name], view) in ("", revision)},
            away=targets.keys() - views.keys(),
        )  # fmt: skip

        def step(name: str, one: Target) -> Step:
            held = name not in free
            begin = functools.partial(converge.converge, regions[name], one, self.texts, held=held)
            return Step(regions[name], (one, held), begin)

        outcomes = await self.behind.take(stored.full_name, [step(*one) for one in targets.items()])
        prefix = names.prefix(stored.full_name)
        counted = (_with_calls(one, self.hub.calls.get((one.region, prefix))) for one in outcomes)
        return tuple(_with_scaling(one, targets[one.region].spec) for one in counted)

    async def _remove(self, stored: Stored) -> float | None:
        """Drain and remove a deleted agent everywhere, then let it go; at once when the glass is broken."""
        if names.FINALIZER not in stored.finalizers:
            return None
        if not stored.released:
            leaving = self._leaving(stored.full_name)
            there = [str(one.get("name")) for one in stored.status.get("regionStates") or ()]
            left = await leaving.leave((), deleted_at=stored.deleted_at)
            held = leaving.waited_for((*left, *leaving.away(there)), stored.deleted_at)
            if held:
                await self._write(stored, judged(held, leaving.let_go(held, stored.deleted_at)), None, ())
                return SOON_S
        await self.hub.set_finalizers(stored, [one for one in stored.finalizers if one != names.FINALIZER])
        self._wake_regions(stored.status, ())
        return None

    def _leaving(self, name: str) -> Leaving:
        return Leaving(self.hub.fleet, name, self.behind)

    def _staying(self) -> set[str]:
        """Return the regions that nobody has deleted."""
        known = ((name, self.hub.store.get("VoiceRegion", name)) for name in self.hub.fleet.regions)
        return {name for name, stored in known if stored is not None and not stored.deleted_at}

    async def _collect_orphans(self, name: str) -> float | None:
        """Remove what is left in regions of an agent that is gone; the hub itself says that it is gone."""
        leaving = self._leaving(name)
        if not any(leaving.holds(one) for one in self.hub.fleet.regions.values()):
            self.texts.forget(names.prefix(name))
            self.behind.forget(name)
            return None
        namespace, _, short = name.partition("/")
        try:
            await self.hub.cluster.get("VoiceAgent", short, namespace)
            return SOON_S  # it is there: our memory will learn of it
        except errors.NotThereError:
            pass
        return SOON_S if await leaving.leave(()) else None

    async def _write(
        self, stored: Stored, judged: list[status.Judged], wish: Wish | None, outcomes: tuple[Outcome, ...]
    ) -> float | None:
        """Write the status; what differs in words only waits until the last ones are old, and it is said how long.

        So does the first one, while it would say only that all parts begin.
        """
        now, generation, before = now_text(), stored.generation, stored.status
        if self.hub.schema_problem:
            judged = [*judged, status.Judged("SchemaCurrent", status.FALSE, "SchemaSkew", self.hub.schema_problem)]
        written: Object = {
            "observedGeneration": generation,
            "conditions": status.conditions(judged, before.get("conditions") or [], now=now, generation=generation),
        }
        if wish is not None:
            calls = [one.calls for one in outcomes if one.calls is not None]
            known = before.get("regionStates") or []
            states = status.region_states(outcomes, known, now=now, generation=generation)
            written |= {
                "revision": wish.revision.name,
                "policyDigest": wish.revision.policy_digest,
                "regions": f"{sum(1 for one in outcomes if one.ready == status.TRUE)}/{len(outcomes)}",
                "rollout": status.rollout(outcomes, wish.revision.name),
                "calls": sum(calls) if calls else None,
                "address": status.addresses(states),
                "regionStates": states,
            }
        else:  # what runs goes on as it was
            written |= {key: value for key, value in before.items() if key not in written}
        loop_s, name = asyncio.get_running_loop().time(), stored.full_name
        if status.said(written) == status.said(before):
            return None
        if not before and status.begins(judged, outcomes):
            later_s = self._told.setdefault(name, loop_s) + BEGINS_S - loop_s
            if later_s > 0.0:
                return later_s
        later_s = self._told.get(name, -math.inf) + WORDS_S - loop_s
        if later_s > 0.0 and status.without_words(written) == status.without_words(before):
            return later_s
        await self.hub.write_status(stored, written)
        self._told[name] = loop_s
        return None


def _soonest(*waits_s: float | None) -> float | None:
    """Return the shortest wait; None when nothing is waited for."""
    return min((one for one in waits_s if one is not None), default=None)


def _settled(outcome: Outcome) -> bool:
    """Say whether only an event changes this: it serves, or it cannot be seen, until an event tells that it can."""
    return not outcome.draining and (outcome.ready == status.TRUE or outcome.reason in converge.UNSEEN)


def _with_calls(outcome: Outcome, calls: int | None) -> Outcome:
    return outcome if calls is None else replace(outcome, calls=calls)


def _with_scaling(outcome: Outcome, spec: VoiceRegionSpec) -> Outcome:
    """Say that nothing is known of an autoscaler that is wished and not seen."""
    if outcome.scaling is not None or not spec.autoscaling.enabled:
        return outcome
    return replace(outcome, scaling=Scaling(status.UNKNOWN, outcome.reason, outcome.message))
