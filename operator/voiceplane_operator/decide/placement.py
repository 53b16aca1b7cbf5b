"""Choose the regions of an agent, and how many calls each must hold. Pure: regions as facts in, a choice out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from voiceplane.contract.agent import Placement
from voiceplane.contract.region import VoiceRegionSpec
from voiceplane.contract.sizes import MOST_REPLICAS

NAMED = 3  # regions in a message


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
    open_ones.sort(key=lambda one: one.name)
    shares = _shares(placement.capacity, {one.name: _room(one) for one in open_ones})
    speech = _too_little_speech(shares, open_ones)
    room = sum(map(_room, open_ones))
    if room < placement.capacity:
        told = f"{placement.capacity} calls are asked for (spec.placement.capacity), {room} can be carried"
        return Choice(shares, "TooFewCalls", "; ".join((told, *_limits(placement.capacity, open_ones), *speech)))
    return Choice(shares, "TooLittleSpeech" if speech else "", "; ".join(speech))


def _free(region: Candidate) -> int:
    """Return the calls of a region that no other agent may have."""
    return max(region.spec.capacity - region.taken, min(region.own, region.spec.capacity), 0)


def _room(region: Candidate) -> int:
    """Return the calls that a region has for the agent: what is free, and no more than its gateways can become."""
    most = region.spec.most_calls
    return _free(region) if most is None else min(_free(region), most)


def _shares(calls: int, rooms: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Spread calls evenly, to no region more than it has room for while another has some."""
    shares = dict.fromkeys(rooms, 0)
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


def _limits(calls: int, regions: list[Candidate]) -> Iterator[str]:
    """Say what keeps the calls out, and which field lets them in."""
    free = sum(map(_free, regions))
    wanted = dict(_shares(calls, {one.name: _free(one) for one in regions}))
    capped = [one for one in regions if (one.spec.most_calls or wanted[one.name]) < wanted[one.name]]
    for one in capped[:NAMED]:
        most, needed = one.spec.autoscaling.max_replicas, -(-wanted[one.name] // one.spec.gateway.calls)
        way = f"raise its spec.autoscaling.maxReplicas to {needed}" if needed <= MOST_REPLICAS else "add regions"
        yield (
            f"VoiceRegion {one.name} has room for {_free(one)}, but {most} gateways of {one.spec.gateway.calls} calls"
            f" carry {one.spec.most_calls}: {way}"
        )
    if free < calls:
        total = sum(one.spec.capacity for one in regions)
        others = f" and other agents have {total - free} of them" if free < total else ""
        yield f"the regions that fit hold {total}{others}: add regions, raise their spec.capacity, or ask for fewer"


def _too_little_speech(shares: tuple[tuple[str, int], ...], regions: list[Candidate]) -> tuple[str, ...]:
    """Name the regions that are told to have fewer pods of speech than their calls need; calls wait there."""
    calls = dict(shares)
    short = []
    for one in regions:
        speech = one.spec.sizes.speech
        there, needed = speech.pods(calls[one.name]), speech.needed(calls[one.name])
        if there < needed and speech.calls_a_pod is not None:
            carried = there * speech.calls_a_pod
            short.append(
                f"sizes.speech.replicas {there} of VoiceRegion {one.name} is enough for {carried} of {calls[one.name]}"
                f" calls, and callers of more wait long: raise it to {needed}, leave it out, or say in"
                " sizes.speech.calls what a pod carries on your machines"
            )
    return tuple(short[:NAMED])


def _none_open(fitting: list[Candidate]) -> str:
    named = sorted(fitting, key=lambda one: one.name)
    told = ", ".join(f"{one.name} ({one.problem if not one.answers else 'suspended'})" for one in named)
    return f"regions that fit take no new agents now: {told}; kubectl describe vr {named[0].name} tells more"


def _no_region(placement: Placement, candidates: tuple[Candidate, ...]) -> str:
    there = ", ".join(f"{one.name} ({one.spec.mode}, {one.spec.location})" for one in candidates) or "none"
    where = f" in {', '.join(placement.residency)}" if placement.residency else ""
    return f"no region of mode {', '.join(placement.modes)}{where}; there is {there}"
