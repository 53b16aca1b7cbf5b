"""Barge-in: the caller's first sound over a long reply to the agent silent on the wire, one call at a time."""

import random

from voiceplane.testing.bench.caller import Act, After, Deed, Held, hold, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import silent_from

FIRST = "Tell me about the insurance."
# Each asks for another long reply than the one before it, so that the next has something to interrupt.
REQUESTS = (
    "Excuse me, what are your prices?",
    "Wait, how should I pack a parcel?",
    "No, tell me about the insurance.",
    "How much does it cost to send a parcel?",
    "Stop, what are the rules for packing?",
    "Sorry, what does the insurance cover?",
)
STOPS = ("Wait a moment.", "Stop, please.", "No, no, that is not what I meant.", "Hold on a second.")
A_CALL = 6
QUICK = 4  # acts of a quick call
FAILED_MS = 1500.0  # still speaking so long after the caller began: it does not give way


async def run(place: Place, effort: Effort) -> list[Line]:
    """Interrupt long replies; each call ends with an interruption that asks for nothing."""
    dice = random.Random(41)
    calls: list[Held] = []
    total = effort.pick(7, 1)
    for number in range(total):
        voice = VOICES[number % len(VOICES)]
        acts = (await script(place, voice, dice, latest_s=6.0))[: QUICK if effort.quick else None]
        words = STOPS[number % len(STOPS)]
        acts.append(Act("stop", words, await voiced(place, words, voice), After.AGENT_START, dice.uniform(1.5, 6.0)))
        calls.append(await hold(place, acts))
        seen = ", ".join(f"{stop:.0f}" for stop in stops(calls[-1]))
        place.tell(f"barge-in: call {number + 1}/{total}, voice {voice}: silent after {seen} ms {calls[-1].trouble}")
    return lines(calls)


async def script(place: Place, voice: str, dice: random.Random, *, latest_s: float) -> list[Act]:
    """Ask for a long reply and interrupt it and those that follow, each at a random moment."""
    acts = [Act("request", FIRST, await voiced(place, FIRST, voice))]
    for words in REQUESTS[:A_CALL]:
        moment = dice.uniform(1.0, latest_s)
        acts.append(Act("request", words, await voiced(place, words, voice), After.AGENT_START, moment))
    return acts


def interruptions(call: Held) -> list[Deed]:
    """Return what was said while the agent spoke; the pauses inside its sentences are part of that."""
    over = [deed for deed in call.deeds if deed.act.after is After.AGENT_START]
    return [deed for deed in over if silent_from(call.agent_sounds, deed.start_ms) is not None]


def stops(call: Held) -> list[float]:
    """Return for each interruption when the agent was silent, in milliseconds after the caller's first sound."""
    found = [silent_from(call.agent_sounds, deed.start_ms) for deed in interruptions(call)]
    pairs = zip(interruptions(call), found, strict=True)
    return [stop - deed.start_ms for deed, stop in pairs if stop is not None]


def silenced_ms(call: Held, deed: Deed) -> float:
    """Return when the reply that was interrupted made its last sound: a pause before it goes on is not the end."""
    return max((sound.end_ms for sound in call.agent_sounds if sound.start_ms < deed.end_ms), default=deed.start_ms)


def lines(calls: list[Held]) -> list[Line]:
    """Return the table's lines."""
    good = [(call, deed) for call in calls for deed in interruptions(call)]
    for_good = [silenced_ms(call, deed) - deed.start_ms for call, deed in good]
    tried = sum(deed.act.after is After.AGENT_START for call in calls for deed in call.deeds)
    return [
        Line(
            "caller's first sound to agent silent",
            "ms",
            tuple(stop for call in calls for stop in stops(call)),
            goal=Goal(median=250, p95=400),
            note=f"{tried - len(good)} fell into a pause of the agent and are left out",
        ),
        Line("caller's first sound to agent silent for good", "ms", tuple(for_good)),
        of_cases("interruptions that the agent spoke through", [after > FAILED_MS for after in for_good]),
    ]
