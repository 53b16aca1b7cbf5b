"""Utterances made of pieces with known pauses between them. Used by the suites about the end of turn."""

from dataclasses import dataclass

import numpy as np

from voiceplane.testing.bench.caller import RATE, voiced
from voiceplane.testing.bench.place import Place
from voiceplane.testing.bench.sound import pause
from voiceplane.testing.phone.audio import Samples


@dataclass(frozen=True, slots=True)
class Pieces:
    """Words with the pauses after each, in seconds."""

    words: tuple[str, ...]
    pauses: tuple[float, ...]

    @property
    def text(self) -> str:
        """Write the words with their pauses."""
        pauses = [f" ({seconds:.1f} s) " for seconds in self.pauses] + [""]
        return "".join(word + gap for word, gap in zip(self.words, pauses, strict=True))


async def spoken(place: Place, pieces: Pieces, voice: str) -> Samples:
    """Return the sound of pieces with exactly these pauses between their last and first sounds."""
    parts: list[Samples] = []
    for words, seconds in zip(pieces.words, (*pieces.pauses, 0.0), strict=True):
        parts += [await voiced(place, words, voice), pause(seconds, RATE)]
    return np.concatenate(parts)
