"""Measure the waits of a call on its two recorded tracks. Pure: sample arrays in, milliseconds out.

A stretch of speech is found by energy, so the measure does not know or trust what either side believes.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from voiceplane.testing.phone.audio import Samples

GATE = 200.0  # RMS in sample units, -44 dBFS: above G.711 quantization and synthesis noise, below soft speech
_WINDOW_MS = 10
_SHORTEST_MS = 30  # shorter bursts are clicks, not speech
_JOIN_MS = 300  # a pause inside a sentence; stretches closer than this are one


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech on one track, in samples of the timeline: the first and one past the last that are not silent."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TurnTiming:
    """One wait of the caller, in milliseconds of the timeline. `latency_ms` is below 0 if the agent cut in."""

    caller_start_ms: float
    caller_end_ms: float
    agent_start_ms: float

    @property
    def latency_ms(self) -> float:
        """Return the time from the caller's last sound to the agent's first."""
        return self.agent_start_ms - self.caller_end_ms


def stretches(track: Samples, rate: int, *, gate: float = GATE, join_ms: float = _JOIN_MS) -> tuple[Stretch, ...]:
    """Find speech by RMS over 10 ms windows; the edges are refined to the first and last sample at half the gate."""
    window = rate * _WINDOW_MS // 1000
    count = len(track) // window
    if not count:
        return ()
    blocks = track[: count * window].reshape(count, window).astype(np.float64)
    loud = np.flatnonzero(np.sqrt(np.mean(np.square(blocks), axis=1)) >= gate)
    if not len(loud):
        return ()
    breaks = np.flatnonzero(np.diff(loud) - 1 > join_ms / _WINDOW_MS)
    firsts = loud[np.concatenate(([0], breaks + 1))]
    lasts = loud[np.concatenate((breaks, [len(loud) - 1]))]
    found = (
        _refined(track, int(first) * window, (int(last) + 1) * window, gate / 2)
        for first, last in zip(firsts, lasts, strict=True)
        if (last - first + 1) * _WINDOW_MS >= _SHORTEST_MS
    )
    return tuple(found)


def heard_around(
    track: Samples, rate: int, start_ms: float, end_ms: float, *, slack_ms: float, join_ms: float = _JOIN_MS
) -> tuple[float, float] | None:
    """Return the first and last sound of what was said then by the script's clock, in milliseconds; None in silence."""
    first = max(0, int((start_ms - slack_ms) * rate / 1000))
    found = stretches(track[first : int((end_ms + slack_ms) * rate / 1000)], rate, join_ms=join_ms)
    return (1000.0 * (first + found[0].start) / rate, 1000.0 * (first + found[-1].end) / rate) if found else None


def turn_timings(caller: Samples, agent: Samples, rate: int) -> tuple[TurnTiming, ...]:
    """Pair the end of each caller's turn with the agent's next sound.

    A caller's turn is all caller speech with no agent sound in between, so a pause for thought is not an end.
    Caller speech that gets no answer before the recording ends gives no timing.
    """
    events = sorted(
        [(stretch.start, stretch.end, True) for stretch in stretches(caller, rate)]
        + [(stretch.start, stretch.end, False) for stretch in stretches(agent, rate)]
    )
    timings: list[TurnTiming] = []
    turn_start: int | None = None
    for (start, end, is_caller), (next_start, _, next_is_caller) in pairwise(events):
        if not is_caller:
            continue
        turn_start = start if turn_start is None else turn_start
        if not next_is_caller:
            scale = 1000.0 / rate
            timings.append(TurnTiming(turn_start * scale, end * scale, next_start * scale))
            turn_start = None
    return tuple(timings)


def first_sound_ms(track: Samples, rate: int) -> float | None:
    """Return when speech first appears on the track, in milliseconds of the timeline."""
    found = stretches(track, rate)
    return 1000.0 * found[0].start / rate if found else None


def _refined(track: Samples, start: int, end: int, threshold: float) -> Stretch:
    loud = np.flatnonzero(np.abs(track[start:end].astype(np.int32)) >= threshold)
    return Stretch(start + int(loud[0]), start + int(loud[-1]) + 1)
