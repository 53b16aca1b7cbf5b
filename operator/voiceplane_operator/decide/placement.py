"""Choose the regions of an agent, and how many calls each must hold. Pure: regions as facts in, a choice out."""

from dataclasses import dataclass

from voiceplane.contract.agent import Placement
from voiceplane.contract.region import VoiceRegionSpec


@dataclass(frozen=True, slots=True)
class Candidate:
    """A region as placement sees it."""

    name: str
    spec: VoiceRegionSpec
    answers: bool
    leaving: bool  # being removed
    holds: bool  # the agent is there already
    taken: int = 0  # calls that other agents may have there
    own: int = 0  # calls that the agent may have there already: nobody takes them away
    problem: str = ""  # in a word, why it does not answer


@dataclass(frozen=True, slots=True)
class Choice:
    """Where an agent runs: (region, calls); and what stands against its wish, if anything."""

    shares: tuple[tuple[str, int], ...]
    reason: str = ""
    message: str = ""


def choose(placement: Placement, candidates: tuple[Candidate, ...]) -> Choice:
    """Choose every region that mode and residency allow; a lost or suspended one only if the agent is there already."""
    fitting = [one for one in candidates if one.spec.mode in placement.modes and not one.leaving]
    if placement.residency:
        fitting = [one for one in fitting if one.spec.location in placement.residency]
    if not fitting:
        return Choice((), "NoRegionFits", _no_region(placement, candidates))
    open_ones = [one for one in fitting if one.holds or (one.answers and not one.spec.suspend)]
    if not open_ones:
        return Choice((), "NoRegionAnswers", _none_open(fitting))
    shares = _shares(placement.capacity, sorted(open_ones, key=lambda one: one.name))
    room = sum(map(_room, open_ones))
    if room < placement.capacity:
        total = sum(one.spec.capacity for one in open_ones)
        others = f" and other agents have {total - room} of them" if room < total else ""
        wish = f"spec.placement.capacity wants {placement.capacity} calls"
        told = f"{wish}, the regions that fit hold {total}{others}: add regions or lower it"
        return Choice(shares, "TooFewCalls", told)
    return Choice(shares)


def _room(region: Candidate) -> int:
    """Return the calls that a region has for the agent."""
    return max(region.spec.capacity - region.taken, min(region.own, region.spec.capacity), 0)


def _shares(calls: int, regions: list[Candidate]) -> tuple[tuple[str, int], ...]:
    """Spread calls evenly, to no region more than it holds while another has room."""
    shares = {one.name: 0 for one in regions}
    rooms = {one.name: _room(one) for one in regions}
    left = calls
    while left > 0:
        able = [name for name in shares if rooms[name] > shares[name]]
        if not able:
            break
        each = max(1, left // len(able))
        for name in able:
            given = min(each, rooms[name] - shares[name], left)
            shares[name] += given
            left -= given
    return tuple(sorted(shares.items()))


def _none_open(fitting: list[Candidate]) -> str:
    named = sorted(fitting, key=lambda one: one.name)
    told = ", ".join(f"{one.name} ({one.problem if not one.answers else 'suspended'})" for one in named)
    return f"regions that fit take no new agents now: {told}; kubectl describe vr {named[0].name} tells more"


def _no_region(placement: Placement, candidates: tuple[Candidate, ...]) -> str:
    there = ", ".join(f"{one.name} ({one.spec.mode}, {one.spec.location})" for one in candidates) or "none"
    where = f" in {', '.join(placement.residency)}" if placement.residency else ""
    return f"no region of mode {', '.join(placement.modes)}{where}; there is {there}"
