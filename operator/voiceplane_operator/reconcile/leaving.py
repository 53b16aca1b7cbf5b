"""Take agents out of regions: gateways first, the rest after their last call, all of it when the time is over.

Read by reconcile and others. What holds an object up is told, and held up only for so long: a region's drain timeout,
a margin for pods that are killed then, and another in which everything is deleted whatever it still does.
"""

import functools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from voiceplane_operator import names
from voiceplane_operator.decide.facts import holding, seconds
from voiceplane_operator.decide.status import FALSE, TRUE, Judged, Outcome
from voiceplane_operator.moments import as_text, now
from voiceplane_operator.reconcile import converge
from voiceplane_operator.reconcile.behind import Behind, Step
from voiceplane_operator.regions.fleet import Contact, Fleet, Region

MARGIN_S = 60.0


class Time(Enum):
    """How much of the time to leave has gone by."""

    DRAINING = "draining"  # calls may finish
    LATE = "late"  # nothing is waited for any more; all of it is deleted
    OVER = "over"  # whatever is left holds nobody up


def time_of(deleted_at: str, drain_s: float, now: float, *, margin_s: float = MARGIN_S) -> Time:
    """Return where an object stands that was told to go at a moment; an empty one: not yet."""
    if not deleted_at:
        return Time.DRAINING
    late = now - seconds(deleted_at) - drain_s
    return Time.DRAINING if late <= margin_s else Time.LATE if late <= 2 * margin_s else Time.OVER


def let_go(deleted_at: str, drain_s: float, *, margin_s: float = MARGIN_S) -> str:
    """Say how long a deleted object can be held up, and what lets it go at once."""
    latest = as_text(seconds(deleted_at) + drain_s + 2 * margin_s)
    return f"it is let go by {latest}, and at once with the annotation {names.RELEASE}=true"


@dataclass(frozen=True, slots=True)
class Leaving:
    """What is left of one agent in regions that it is to leave."""

    fleet: Fleet
    owner: str
    behind: Behind

    def holds(self, region: Region) -> bool:
        """Say whether anything of the agent was last seen there that can hold a call."""
        if region.watch is None:
            return False
        view = region.watch.views.get(names.prefix(self.owner))
        return view is not None and not holding(view, now()).empty()

    async def leave(self, chosen: Collection[str], *, deleted_at: str = "") -> tuple[Outcome, ...]:
        """Go a step further in every region that answers and is not chosen; tell of those where something is left."""

        def step(region: Region) -> Step:
            late = time_of(deleted_at, region.spec.drain_timeout, now()) is not Time.DRAINING
            begin = functools.partial(converge.remove, region, names.prefix(self.owner), late=late)
            return Step(region, ("remove", late), begin)

        answering = [one for one in self.fleet.regions.values() if one.name not in chosen and _answers(one)]
        outcomes = await self.behind.take(self.owner, [step(one) for one in answering if self.holds(one)])
        return tuple(one for one in outcomes if one.ready != TRUE)

    def away(self, there: Iterable[str]) -> tuple[Outcome, ...]:
        """Tell of regions without contact that may hold something: those of the status, and those that are opening."""
        named, found = set(there), []
        for region in self.fleet.regions.values():
            if _answers(region):
                continue
            if region.contact is Contact.LOST and region.name not in named and not self.holds(region):
                continue
            found.append(replace(converge.unreachable(region), ready=FALSE))
        return tuple(found)

    def waited_for(self, outcomes: Iterable[Outcome], deleted_at: str) -> list[Outcome]:
        """Return those that still hold a deleted agent up: a region that does not answer does so until it is late."""
        kept = []
        for one in outcomes:
            region = self.fleet.regions.get(one.region)
            if region is None:
                continue
            time = time_of(deleted_at, region.spec.drain_timeout, now())
            if time is Time.DRAINING or (time is Time.LATE and _answers(region)):
                kept.append(one)
        return kept

    def let_go(self, outcomes: Iterable[Outcome], deleted_at: str) -> str:
        """Say how long these can hold a deleted agent up."""
        regions = (self.fleet.regions.get(one.region) for one in outcomes)
        drains_s = (region.spec.drain_timeout for region in regions if region is not None)
        return let_go(deleted_at, max(drains_s, default=0.0))


def judged(outcomes: list[Outcome], latest: str) -> list[Judged]:
    """Judge an agent that is being removed; `latest` says until when it is held up."""
    told = "; ".join((*(f"{one.region}: {one.message or one.reason}" for one in outcomes[:5]), latest))
    denied = [one for one in outcomes if one.denied]
    stalled = (
        Judged("Stalled", TRUE, denied[0].reason, told)
        if denied
        else Judged("Stalled", FALSE, "Progressing", "nothing stands in the way")
    )
    return [Judged("Ready", FALSE, "Deleted", told), Judged("Reconciling", TRUE, outcomes[0].reason, told), stalled]


def _answers(region: Region) -> bool:
    return region.contact is Contact.UP and region.cluster is not None and region.watch is not None
