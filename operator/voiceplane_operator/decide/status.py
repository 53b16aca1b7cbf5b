"""Judge: from what was seen in the regions to the conditions that people read. Pure; time is an argument."""

from dataclasses import dataclass
from typing import Any

from voiceplane_operator.decide.placement import Choice

Object = dict[str, Any]
MESSAGE_CHARS = 1000
NAMED = 3  # addresses in a column
TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
STARTING = "Starting"  # the reason of a region in which parts are not up yet, and nothing is wrong with them
POLICY_MISSING = "PolicyNotFound"
AUTOSCALING = "AutoscalingActive"


@dataclass(frozen=True, slots=True)
class Scaling:
    """How an agent's gateways in one region follow its calls."""

    status: str
    reason: str
    message: str
    again_s: float | None = None  # when to look again, if nothing happens before


@dataclass(frozen=True, slots=True)
class Outcome:
    """One agent in one region after a reconcile."""

    region: str
    ready: str  # True, False or Unknown
    reason: str
    message: str
    serving: str = ""
    draining: tuple[str, ...] = ()
    calls: int | None = None
    denied: bool = False  # the region refuses what we send: no time heals it
    verified: bool = False  # gateways that check this revision's bundle are up
    address: str | None = None  # that a load balancer has for SIP; None: not known
    scaling: Scaling | None = None  # where an autoscaler has the gateways


@dataclass(frozen=True, slots=True)
class Judged:
    """A condition before its times."""

    type: str
    status: str
    reason: str
    message: str


def conditions(judged: list[Judged], before: list[Object], *, now: str, generation: int) -> list[Object]:
    """Write conditions; the time of a transition changes only with the status."""
    known = {one.get("type"): one for one in before}
    written = []
    for one in judged:
        old = known.get(one.type) or {}
        since = old["lastTransitionTime"] if old.get("status") == one.status and "lastTransitionTime" in old else now
        written.append(
            {
                "type": one.type,
                "status": one.status,
                "reason": one.reason,
                "message": one.message[:MESSAGE_CHARS],
                "lastTransitionTime": since,
                "observedGeneration": generation,
            }
        )
    return written


def agent_conditions(choice: Choice, outcomes: tuple[Outcome, ...], revision: str) -> list[Judged]:
    """Judge an agent over its regions."""
    ready = _ready(choice, outcomes, revision)
    moving = [one for one in outcomes if one.ready == FALSE]
    draining = [one for one in outcomes if one.draining]
    denied = [one for one in outcomes if one.denied]
    reconciling = (
        Judged("Reconciling", TRUE, moving[0].reason, _told(moving))
        if moving
        else Judged("Reconciling", TRUE, "Draining", _drains(draining))
        if draining
        else Judged("Reconciling", FALSE, "Settled", "nothing is left to do")
        if choice.shares
        else Judged("Reconciling", FALSE, choice.reason, "waits for a region that fits, or a change of the object")
    )
    stalled = (
        Judged("Stalled", TRUE, denied[0].reason, _told(denied))
        if denied
        else Judged("Stalled", TRUE, choice.reason, choice.message)
        if not choice.shares
        else Judged("Stalled", FALSE, "Progressing", "nothing stands in the way")
    )
    return [ready, reconciling, stalled, _policy(outcomes, revision), _capacity(choice), *_autoscaling(outcomes)]


def invalid(reason: str, message: str) -> list[Judged]:
    """Judge an object that cannot run."""
    return [
        Judged("Ready", FALSE, reason, message),
        Judged("Reconciling", FALSE, reason, "waits for a change of the object"),
        Judged("Stalled", TRUE, reason, message),
    ]


def stalled(judged: list[Judged], reason: str, message: str) -> list[Judged]:
    """Judge an object whose newest content cannot run, from how what ran before stands: that goes on."""
    told = f"{message}. What ran before goes on"
    return [Judged("Stalled", TRUE, reason, told) if one.type == "Stalled" else one for one in judged]


def begins(judged: list[Judged], outcomes: tuple[Outcome, ...]) -> bool:
    """Say whether nothing is to be told but what a new agent's parts, or its policy in the same file, soon change."""
    comes = any(one.type == "Ready" and one.reason == POLICY_MISSING for one in judged)
    return comes or (bool(outcomes) and all(one.reason == STARTING and one.ready == FALSE for one in outcomes))


def _ready(choice: Choice, outcomes: tuple[Outcome, ...], revision: str) -> Judged:
    if not choice.shares:
        return Judged("Ready", FALSE, choice.reason, choice.message)
    bad = [one for one in outcomes if one.ready == FALSE]
    if bad:
        return Judged("Ready", FALSE, bad[0].reason, _told(bad))
    unknown = [one for one in outcomes if one.ready == UNKNOWN]
    if unknown:
        return Judged("Ready", UNKNOWN, unknown[0].reason, _told(unknown))
    regions = ", ".join(one.region for one in outcomes)
    return Judged("Ready", TRUE, "Serving", f"revision {revision} answers calls in {regions}")


def _policy(outcomes: tuple[Outcome, ...], revision: str) -> Judged:
    missing = [one.region for one in outcomes if not one.verified]
    if missing or not outcomes:
        told = f"not yet proved in {', '.join(missing) or 'any region'}: gateways of revision {revision} must be up"
        return Judged("PolicyVerified", UNKNOWN if outcomes else FALSE, "NotProved", told)
    told = "gateways start only on the bundle with this digest, and they are up in every region"
    return Judged("PolicyVerified", TRUE, "SameDigest", told)


def _capacity(choice: Choice) -> Judged:
    if choice.reason:
        return Judged("CapacityAvailable", FALSE, choice.reason, choice.message)
    told = ", ".join(f"{name}: {calls}" for name, calls in choice.shares)
    return Judged("CapacityAvailable", TRUE, "Enough", f"calls per region: {told}")


def _autoscaling(outcomes: tuple[Outcome, ...]) -> tuple[Judged, ...]:
    """Judge the autoscalers, the worst first; nothing where no region has any."""
    scaled = [(one.region, one.scaling) for one in outcomes if one.scaling is not None]
    for worst in (FALSE, UNKNOWN, TRUE):
        found = [(region, scaling) for region, scaling in scaled if scaling.status == worst]
        if found:
            told = "; ".join(f"{region}: {scaling.message}" for region, scaling in found[:5])
            return (Judged(AUTOSCALING, worst, found[0][1].reason, told),)
    return ()


def _told(outcomes: list[Outcome]) -> str:
    return "; ".join(f"{one.region}: {one.message}" for one in outcomes[:5])


def _drains(outcomes: list[Outcome]) -> str:
    told = "; ".join(f"{one.region}: {', '.join(one.draining)}" for one in outcomes[:5])
    return f"earlier revisions finish their calls: {told}"


def region_states(outcomes: tuple[Outcome, ...], before: list[Object], *, now: str, generation: int) -> list[Object]:
    """Write what is known of each region."""
    known = {one.get("name"): one for one in before}
    states = []
    for one in outcomes:
        before_it = known.get(one.region) or {}
        old = before_it.get("condition")
        (condition,) = conditions(
            [Judged("Ready", one.ready, one.reason, one.message)], [old] if old else [], now=now, generation=generation
        )
        state = {"name": one.region, "ready": one.ready == TRUE, "revision": one.serving, "condition": condition}
        state["draining"] = list(one.draining)
        if one.calls is not None:
            state["calls"] = one.calls
        address = before_it.get("address") if one.address is None else one.address
        if address:
            state["address"] = address
        states.append(state)
    return states


def addresses(states: list[Object]) -> str | None:
    """Return where an agent's calls come in, in its first regions; None where no load balancer has an address."""
    found = [one["address"] for one in states if "address" in one]
    more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return (", ".join(found[:NAMED]) + more)[:MESSAGE_CHARS] if found else None


def said(written: Object) -> Object:
    """Return what a status says: to leave a field away and to write nothing in it are the same."""
    return {key: value for key, value in written.items() if value is not None}


def without_words(written: Object) -> Object:
    """Return a status without the messages of its conditions, to tell whether more than words has changed."""
    states = [{**one, "condition": _wordless(one.get("condition") or {})} for one in written.get("regionStates") or ()]
    conditions = [_wordless(one) for one in written.get("conditions") or ()]
    return said(written) | {"conditions": conditions, "regionStates": states}


def _wordless(condition: Object) -> Object:
    return {key: value for key, value in condition.items() if key != "message"}


def rollout(outcomes: tuple[Outcome, ...], revision: str) -> str:
    """Say in a word or two how far the newest revision is."""
    there = sum(1 for one in outcomes if one.serving == revision)
    if not outcomes:
        return "-"
    if there == len(outcomes):
        return "draining" if any(one.draining for one in outcomes) else "complete"
    return f"{there}/{len(outcomes)} regions"
