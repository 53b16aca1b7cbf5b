"""Silence between the phrases of one reply, on the recorded track. Pure: calls in, lines out.

A phrase is what is synthesized by itself (contract.sentences). Of a reply of n phrases that was heard to its end, the
n - 1 longest silences inside it are taken for those between its phrases: a pause at a comma is shorter. Where one is
longer, the line reads high, never low.
"""

from voiceplane.contract.sentences import phrases
from voiceplane.testing.bench.caller import Held
from voiceplane.testing.bench.lines import Line
from voiceplane.testing.bench.sound import Sound, silences

LEAST_MS = 60.0  # shorter ones are inside a word
SLACK_MS = 100.0  # the record's idea of a turn's first and last sound against the phone's


def lines(calls: list[Held]) -> list[Line]:
    """Return the line of all replies of several phrases."""
    found = [gap for call in calls for gap in gaps(call)]
    note = f"longest {max(found):.0f} ms" if found else ""
    return [Line("silence between two phrases of a reply", "ms", tuple(found), note=note)]


def gaps(call: Held) -> list[float]:
    """Return the silences between phrases in the agent's turns of a call, in milliseconds."""
    turns = [turn for turn in call.record.turns if turn.speaker == "agent"] if call.record else []
    found: list[float] = []
    for turn in turns:
        if turn.timings_ms.keys().isdisjoint(("interrupted", "ducked")):  # a duck's silence is the caller's doing
            start, end = call.ms(turn.started_unix_ns) - SLACK_MS, call.ms(turn.ended_unix_ns) + SLACK_MS
            within = tuple(s for s in call.agent_sounds if s.start_ms >= start and s.end_ms <= end)
            found += between(within, len(phrases(turn.text_pii)))
    return found


def between(sounds: tuple[Sound, ...], count: int) -> list[float]:
    """Return the silences between `count` phrases; 0 where two follow each other without one."""
    longest = sorted((end - start for start, end in silences(sounds, LEAST_MS)), reverse=True)
    return (longest + [0.0] * count)[: count - 1] if sounds and count > 1 else []
