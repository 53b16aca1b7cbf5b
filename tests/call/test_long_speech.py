"""A caller who speaks for a minute: recognized in segments, so that no decode grows, and no word is lost or doubled."""

import asyncio
import random
from typing import Any, cast

import numpy as np
import pytest
from tests.call.test_hearing import Silent, Site

from voiceplane.call.ears import Ears
from voiceplane.call.hearing import SEGMENT_S, Hearing, Words
from voiceplane.contract.audio import SPEECH_RATE
from voiceplane.speech.ports import InferenceTiming, RecognizedWord, Transcript

FRAME = SPEECH_RATE // 50
SPOKEN, SILENT = 20, 4  # frames of a word and behind it: 125 words a minute
WORDS = 130


def sound(frame: int) -> bytes:
    """Return a frame of a caller whose word number n sounds as n, so that a recognizer can tell what it was given."""
    number, at = divmod(frame, SPOKEN + SILENT)
    return np.full(FRAME, number + 1 if at < SPOKEN else 0, dtype="<i2").tobytes()


class Exact:
    """Hears each word of which half is there; its times are wrong by up to so many samples."""

    def __init__(self, off: int) -> None:
        self.off, self.dice, self.longest_s = off, random.Random(3), 0.0

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        samples = np.frombuffer(audio, "<i2")
        self.longest_s = max(self.longest_s, len(samples) / SPEECH_RATE)
        found = []
        for number in sorted({*samples.tolist()} - {0}):
            places = np.flatnonzero(samples == number)
            if len(places) >= FRAME * SPOKEN // 2:
                start, end = (int(place) + self.dice.randint(-self.off, self.off) for place in (places[0], places[-1]))
                found.append(RecognizedWord(f"w{number}", start * 1000 / SPEECH_RATE, end * 1000 / SPEECH_RATE, 0.9))
        return Transcript(" ".join(word.text for word in found), tuple(found), InferenceTiming(0.0, 0.0, 0.0))


@pytest.mark.parametrize("off_ms", [0, 70])
async def test_a_minute_of_speech_has_every_word_once_and_no_decode_longer_than_a_segment(off_ms: int) -> None:
    recognizer, ears, heard = Exact(off_ms * SPEECH_RATE // 1000), Ears(Silent()), list[Words]()
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(cast(Any, recognizer))), ears, tasks, heard.append)
        hearing.begin(0.0)
        for frame in range(WORDS * (SPOKEN + SILENT)):
            now = (frame + 1) * 0.02
            ears.hear(sound(frame), at=now)
            ears.voiced = True
            hearing.tick(now)
            for _ in range(3):
                await asyncio.sleep(0)
        hearing.pause(1, silent_since=now)
        for _ in range(3):
            await asyncio.sleep(0)
        hearing.close()
    assert heard[-1].transcript.text.split() == [f"w{number}" for number in range(1, WORDS + 1)]
    assert heard[-1].pause == 1 and all(words.pause == 0 for words in heard[:-1])
    assert SEGMENT_S - 1.0 < recognizer.longest_s < SEGMENT_S + 1.0
