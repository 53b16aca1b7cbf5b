"""First and last sounds on recorded tracks. Pure: sample arrays in, milliseconds of the track out.

A sound is a stretch of 10 ms windows at 200 RMS or more (-44 dBFS; phone.timings.GATE): the gateway's comfort noise of
about 6 units is thirty times weaker, soft speech on a phone line several times stronger. The edges are the first and
last sample at half the gate. tests/testing/test_bench_sound.py holds what this costs: under 1 ms on a sharp edge in
comfort noise, and the part of a fade that lies below the gate.
"""

from dataclasses import dataclass

import numpy as np

from voiceplane.testing.phone.audio import Samples
from voiceplane.testing.phone.timings import stretches

EDGE_JOIN_MS = 60.0  # shorter pauses are inside a word: a stop consonant before its burst
QUIET_MS = 300.0  # so long a pause of the agent is silence; pauses inside its sentences are shorter


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of sound, in milliseconds of the track."""

    start_ms: float
    end_ms: float


def sounds(track: Samples, rate: int, *, join_ms: float = EDGE_JOIN_MS) -> tuple[Sound, ...]:
    """Find the sounds of a track; pauses shorter than `join_ms` do not divide them."""
    scale = 1000.0 / rate
    return tuple(Sound(found.start * scale, found.end * scale) for found in stretches(track, rate, join_ms=join_ms))


def first_after(found: tuple[Sound, ...], at_ms: float) -> float | None:
    """Return when the first sound begins at or after a time."""
    return next((sound.start_ms for sound in found if sound.start_ms >= at_ms), None)


def silent_from(found: tuple[Sound, ...], at_ms: float, *, quiet_ms: float = QUIET_MS) -> float | None:
    """Return when speech that runs at `at_ms` falls silent for `quiet_ms`; None when nobody speaks then."""
    return next((sound.end_ms for sound in joined(found, quiet_ms) if sound.start_ms <= at_ms < sound.end_ms), None)


def joined(found: tuple[Sound, ...], quiet_ms: float = QUIET_MS) -> tuple[Sound, ...]:
    """Join sounds whose pause is shorter than what counts as silence."""
    made: list[Sound] = []
    for sound in found:
        if made and sound.start_ms - made[-1].end_ms < quiet_ms:
            made[-1] = Sound(made[-1].start_ms, sound.end_ms)
        else:
            made.append(sound)
    return tuple(made)


def silence_within(found: tuple[Sound, ...], start_ms: float, end_ms: float) -> float:
    """Return the longest pause between two sounds that begins in a stretch of time, in milliseconds."""
    pauses = [
        following.start_ms - sound.end_ms
        for sound, following in zip(found, found[1:], strict=False)
        if start_ms <= sound.end_ms <= end_ms
    ]
    return max(pauses, default=0.0)


def silences(found: tuple[Sound, ...], quiet_ms: float = QUIET_MS) -> list[tuple[float, float]]:
    """Return the silences between sounds, in milliseconds of the track."""
    whole = joined(found, quiet_ms)
    return [(sound.end_ms, following.start_ms) for sound, following in zip(whole, whole[1:], strict=False)]


def cut(track: Samples, rate: int, start_ms: float, end_ms: float) -> Samples:
    """Return a part of a track."""
    return track[max(0, int(start_ms * rate / 1000)) : max(0, int(end_ms * rate / 1000))]


def trimmed(samples: Samples, rate: int) -> Samples:
    """Cut the silence around speech, so that pauses put between pieces are the pauses that are heard."""
    found = stretches(samples, rate)
    return samples[found[0].start : found[-1].end] if found else samples


def pause(seconds: float, rate: int) -> Samples:
    """Return silence, as a phone with silence suppression sends it."""
    return np.zeros(int(seconds * rate), dtype=np.int16)
