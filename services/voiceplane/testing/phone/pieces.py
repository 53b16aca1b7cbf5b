"""Cut a recorded track into pieces that a recognizer reads whole. Pure: sample arrays in, sample positions out.

Whisper hears 30 s at once, but leaves a sentence out now and then when several stand in one piece without a pause.
"""

from collections.abc import Iterator
from itertools import pairwise

from voiceplane.testing.phone.audio import Samples
from voiceplane.testing.phone.timings import Stretch, stretches

_PAUSE_MS = 250.0  # a pause of this length ends a piece
_BREATH_MS = 50.0  # a longer piece is cut at its widest pause, if it has one of this length
_LONG_MS = 8_000.0  # of two or three sentences
_LONGEST_MS = 27_000.0  # whisper's 30 s less its margins
_MARGIN_MS = 150.0  # kept around a piece where there is so much silence, so that no first or last sound is cut


def pieces(track: Samples, rate: int) -> tuple[Stretch, ...]:
    """Return the pieces of speech in order, with the silence around them; no sample is in two pieces."""
    sounds = stretches(track, rate, join_ms=_BREATH_MS)
    found = [piece for group in _groups(sounds, rate) for piece in _split(group, rate)]
    margin = int(_MARGIN_MS * rate / 1000)
    padded: list[Stretch] = []
    for at, piece in enumerate(found):
        before = (found[at - 1].end + piece.start) // 2 if at else 0
        after = (piece.end + found[at + 1].start) // 2 if at + 1 < len(found) else len(track)
        padded.append(Stretch(max(before, piece.start - margin), min(after, piece.end + margin)))
    return tuple(padded)


def _groups(sounds: tuple[Stretch, ...], rate: int) -> Iterator[tuple[Stretch, ...]]:
    first = 0
    for at, (left, right) in enumerate(pairwise(sounds), start=1):
        if right.start - left.end > _PAUSE_MS * rate / 1000:
            yield sounds[first:at]
            first = at
    if sounds:
        yield sounds[first:]


def _split(sounds: tuple[Stretch, ...], rate: int) -> Iterator[Stretch]:
    start, end = sounds[0].start, sounds[-1].end
    if end - start <= _LONG_MS * rate / 1000:
        yield Stretch(start, end)
    elif len(sounds) > 1:
        widest = max(range(1, len(sounds)), key=lambda at: sounds[at].start - sounds[at - 1].end)
        yield from _split(sounds[:widest], rate)
        yield from _split(sounds[widest:], rate)
    else:
        longest = int(_LONGEST_MS * rate / 1000)
        yield from (Stretch(at, min(end, at + longest)) for at in range(start, end, longest))
