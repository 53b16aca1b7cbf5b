"""Barge-in: the caller's first sound over a long reply to the agent silent on the wire, one call at a time."""

import math
import random
from dataclasses import dataclass

from voiceplane.testing.bench.caller import RATE, Act, After, Deed, Held, hold, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import cut, silent_from
from voiceplane.testing.phone.audio import level

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
BEGINNING_MS = 64.0  # two of the gateway's windows
FAILED_MS = 1500.0  # a turn that goes on so long after the caller began has not given way


async def run(place: Place, effort: Effort) -> list[Line]:
    """Interrupt long replies; each call ends with an interruption that asks for nothing."""
    dice = random.Random(41)
    calls: list[Held] = []
    total = effort.pick(5, 1)
    for number in range(total):
        voice = VOICES[number % len(VOICES)]
        acts = (await script(place, voice, dice, latest_s=6.0))[: QUICK if effort.quick else None]
        words = STOPS[number % len(STOPS)]
        acts.append(Act("stop", words, await voiced(place, words, voice), After.AGENT_START, dice.uniform(1.5, 6.0)))
        calls.append(await hold(place, acts))
        seen = ", ".join(f"{stop:.0f}" for stop in stops(calls[-1]))
        place.tell(f"barge-in: call {number + 1}/{total}, voice {voice}: silent after {seen} ms {calls[-1].trouble}")
        for told in cases(calls[-1]):
            place.tell(f"- {told}")
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
    """Return for each interruption when the agent was silent, in milliseconds after the caller's first sound.

    By sound alone, so that pipecat is judged alike: the first silence, also where the agent went on after it.
    """
    found = [silent_from(call.agent_sounds, deed.start_ms) for deed in interruptions(call)]
    pairs = zip(interruptions(call), found, strict=True)
    return [stop - deed.start_ms for deed, stop in pairs if stop is not None]


def silenced_ms(call: Held, deed: Deed) -> float:
    """Return when the reply that was interrupted made its last sound: a pause before it goes on is not the end."""
    return max((sound.end_ms for sound in call.agent_sounds if sound.start_ms < deed.end_ms), default=deed.start_ms)


@dataclass(frozen=True, slots=True)
class Cut:
    """The agent's turn that ended for an interruption, in milliseconds after the caller's first sound."""

    silent_ms: float  # its last sound
    ducked_ms: float | None  # by the gateway's mark; None when it ducked before that sound: at another one
    echoed_ms: float | None = None  # the gateway took a sound for its own voice
    began_ms: float | None = None  # the gateway's idea of the first sound
    moment_ms: float = 0.0  # of the agent's turn, when the caller began


def cut_by(call: Held, deed: Deed) -> Cut | None:
    """Return how an interruption ended the agent's turn; None when the record has no turn that it ended."""
    rows = call.record.turns if call.record else ()
    callers = {turn.index: turn for turn in rows if turn.speaker == "caller"}
    for agent in rows:
        marks, caller = agent.timings_ms, callers.get(agent.index)
        if caller is None or agent.speaker != "agent" or "interrupted" not in marks:
            continue
        zero = call.ms(caller.ended_unix_ns)  # marks count from the last sound of the turn that is answered
        ended = zero + marks["interrupted"]
        if not deed.start_ms <= ended <= deed.start_ms + FAILED_MS:
            continue
        last = max((sound.end_ms for sound in call.agent_sounds if sound.start_ms < ended), default=deed.start_ms)
        after = {name: zero + at - deed.start_ms for name, at in marks.items()}
        following = callers.get(agent.index + 1)
        return Cut(
            last - deed.start_ms,
            _later(after.get("ducked")),
            _later(after.get("echoed")),
            None if following is None else call.ms(following.started_unix_ns) - deed.start_ms,
            deed.start_ms - call.ms(agent.started_unix_ns),
        )
    return None


def _later(after_ms: float | None) -> float | None:
    return after_ms if after_ms is not None and after_ms >= 0 else None


def cases(call: Held) -> list[str]:
    """Describe each interruption: what began it, where, and when the gateway noticed. Of times, all after its sound."""
    found = []
    for deed in interruptions(call):
        first = cut(call.caller, RATE, deed.start_ms, deed.start_ms + BEGINNING_MS)
        told = [f"{deed.act.words!r} begins with {20 * math.log10(max(1.0, level(first))):.0f} dB"]
        if not any(sound.start_ms <= deed.start_ms < sound.end_ms for sound in call.agent_sounds):
            told.append("in the agent's own pause")
        seen = cut_by(call, deed)
        if seen is None:
            told.append("the agent went on")
        else:
            told.append(f"{seen.moment_ms / 1000:.1f} s into the turn")
            times = {"begun": seen.began_ms, "taken for an echo": seen.echoed_ms, "ducked": seen.ducked_ms}
            told += [f"{name} {at:.0f}" for name, at in times.items() if at is not None]
            told.append(f"silent {seen.silent_ms:.0f} ms")
        found.append(", ".join(told))
    return found


def lines(calls: list[Held]) -> list[Line]:
    """Return the table's lines."""
    good = [(call, deed) for call in calls if call.record for deed in interruptions(call)]
    cuts = [cut_by(call, deed) for call, deed in good]
    ended = [cut for cut in cuts if cut is not None]
    tried = sum(deed.act.after is After.AGENT_START for call in calls for deed in call.deeds)
    detected = tuple(cut.ducked_ms for cut in ended if cut.ducked_ms is not None)
    return [
        Line(
            "caller's first sound to agent silent",
            "ms",
            tuple(cut.silent_ms for cut in ended),
            goal=Goal(median=250, p95=400),
            note=f"for good, where the agent's turn ended; {tried - len(good)} fell into a pause and are left out",
        ),
        of_cases(
            "interruptions after which the agent went on",
            [cut is None for cut in cuts],
            Goal(share=5),
            note=f"its turn did not end within {FAILED_MS:.0f} ms",
        ),
        Line("caller's first sound to the gateway's duck", "ms", detected, goal=Goal(p95=150)),
        Line("first silence of 300 ms, ended or not", "ms", tuple(stop for call in calls for stop in stops(call))),
    ]
