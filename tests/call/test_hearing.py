"""Recognition of one utterance after another, on a recognizer that answers when it is told to."""

import asyncio
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from voiceplane.call.ears import Ears
from voiceplane.call.hearing import Hearing
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.errors import SpeechRefusedError
from voiceplane.speech.ports import InferenceTiming, Transcript
from voiceplane.turn.events import EndTurn

FRAME = bytes(640)


class Silent:
    def probability(self, window: bytes) -> float:
        return 0.0


class Recognizer:
    """Answers with the length of what it was given, once `go` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.overloaded = False

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        await self.go.wait()
        if partial and self.overloaded:
            raise SpeechRefusedError("busy")
        return Transcript(f"{len(audio) // len(FRAME)} frames", (), InferenceTiming(0.0, 0.0, 0.0))


class Site:
    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer, self.clock = recognizer, SystemClock()

    def said_before(self, *, digits: bool) -> str:
        return "digits" if digits else ""


def hear(ears: Ears, start: int, count: int) -> None:
    for number in range(start, start + count):
        ears.hear(FRAME, at=(number + 1) * 0.02)


async def test_a_new_utterance_leaves_the_words_of_an_unanswered_turn_alone() -> None:
    recognizer, ears = Recognizer(), Ears(Silent())
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(recognizer)), ears, tasks, lambda words: None)
        hear(ears, 0, 100)
        hearing.begin(1.3)
        hearing.pause(1, silent_since=1.9)
        turn = EndTurn(2.0, 1.9, "judged", 1)
        hearing.keep(turn)
        words = asyncio.create_task(hearing.words(turn))
        await asyncio.sleep(0)
        hearing.begin(2.0)
        recognizer.go.set()
        assert (await words).text == "50 frames"
        hearing.close()


async def test_a_turn_that_was_too_long_keeps_its_sound_when_the_next_begins() -> None:
    recognizer, ears = Recognizer(), Ears(Silent())
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(recognizer)), ears, tasks, lambda words: None)
        hear(ears, 0, 100)
        hearing.begin(1.3)
        turn = EndTurn(2.0, 2.0, "too-long")
        hearing.keep(turn)
        hearing.begin(2.0)
        hear(ears, 100, 50)
        recognizer.go.set()
        assert (await hearing.words(turn)).text == "50 frames"
        hearing.close()


async def test_a_retracted_turn_leaves_nothing_that_still_recognizes() -> None:
    recognizer, ears = Recognizer(), Ears(Silent())
    before = len(asyncio.all_tasks())
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(recognizer)), ears, tasks, lambda words: None)
        hear(ears, 0, 100)
        hearing.begin(1.3)
        hearing.pause(1, silent_since=1.9)
        hearing.keep(EndTurn(2.0, 1.9, "judged", 1))
        hearing.retracted()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before


async def test_a_partial_that_stood_for_a_turn_and_was_dropped_is_done_again() -> None:
    class Voiced(Silent):
        def probability(self, window: bytes) -> float:
            return 1.0

    recognizer, ears = Recognizer(), Ears(Voiced())
    recognizer.overloaded = True
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(recognizer)), ears, tasks, lambda words: None)
        hearing.begin(0.3)
        hear(ears, 0, 100)
        ears.voiced = True
        hearing.tick(1.9)
        hearing.pause(1, silent_since=1.9)
        turn = EndTurn(2.0, 1.9, "judged", 1)
        hearing.keep(turn)
        hearing.begin(2.0)
        recognizer.go.set()
        assert (await hearing.words(turn)).text == "100 frames"
        hearing.close()


async def test_a_decode_that_nobody_waits_for_is_counted() -> None:
    def decodes() -> float:
        return REGISTRY.get_sample_value("voiceplane_cancelled_work_total", {"kind": "decodes"}) or 0.0

    ears, before = Ears(Silent()), decodes()
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(Recognizer())), ears, tasks, lambda words: None)
        hear(ears, 0, 100)
        hearing.begin(1.3)
        hearing.pause(1, silent_since=1.9)
        await asyncio.sleep(0)
        hearing.speech_goes_on()
        for _ in range(5):
            await asyncio.sleep(0)
        hearing.close()
    assert decodes() - before == 1


class Voiced(Silent):
    def probability(self, window: bytes) -> float:
        return 1.0


async def test_a_cancelled_adoption_recognizes_nothing_more() -> None:
    recognizer, ears = Recognizer(), Ears(Voiced())
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(recognizer)), ears, tasks, lambda words: None)
        hearing.begin(0.3)
        hear(ears, 0, 100)
        ears.voiced = True
        hearing.tick(1.9)
        before = asyncio.all_tasks()
        hearing.pause(1, silent_since=1.9)
        (adopting,) = asyncio.all_tasks() - before
        await asyncio.sleep(0)
        adopting.cancel()
        await asyncio.wait({adopting})
        assert adopting.cancelled() and asyncio.all_tasks() <= before
        hearing.close()


async def test_what_still_recognizes_ends_with_the_call() -> None:
    recognizer, ears = Recognizer(), Ears(Silent())
    before = asyncio.all_tasks()

    async def call() -> None:
        async with asyncio.TaskGroup() as tasks:
            hearing = Hearing(cast(Any, Site(recognizer)), ears, tasks, lambda words: None)
            hear(ears, 0, 100)
            hearing.begin(1.3)
            hearing.pause(1, silent_since=1.9)
            await asyncio.sleep(60)

    running = asyncio.create_task(call())
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    assert asyncio.all_tasks() == before


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("digits", [False, True])
async def test_a_caller_who_speaks_has_a_partial_every_200_ms_also_of_a_number(digits: bool) -> None:
    now, started = 0.0, list[float]()
    site, ears = Site(Recognizer()), Ears(Voiced())
    site.recognizer.go.set()
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, site), ears, tasks, lambda words: started.append(now))
        hearing.digits_expected = digits
        hearing.begin(0.0)
        ears.voiced = True
        for frame in range(4, 200):  # an edge of speech is known after three frames
            now = frame * 0.02 + (0.0007 if frame % 3 else -0.0007)  # packets do not come to the microsecond
            hearing.tick(now)
            for _ in range(4):
                await asyncio.sleep(0)
        hearing.close()
    assert started[0] <= 0.201
    assert max(after - before for before, after in zip(started, started[1:], strict=False)) <= 0.2015


async def test_under_load_the_first_partial_waits_too() -> None:
    partials: list[float] = []
    site, ears, now = Site(Recognizer()), Ears(Voiced()), 0.0
    site.recognizer.go.set()
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, site), ears, tasks, lambda words: partials.append(now))
        hearing._latency_s = 0.24
        hearing.begin(0.0)
        ears.voiced = True
        for frame in range(4, 30):
            now = frame * 0.02
            hearing.tick(now)
            for _ in range(4):
                await asyncio.sleep(0)
        hearing.close()
    assert partials[0] > 0.45


async def test_partials_that_are_refused_late_slow_the_cadence() -> None:
    class Late(Recognizer):
        async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
            clock.now += 0.5
            raise SpeechRefusedError("busy")

    clock, started = Clock(), list[float]()
    site, ears = Site(Late()), Ears(Voiced())
    site.clock = cast(Any, clock)
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, site), ears, tasks, lambda words: None)
        hearing.begin(0.0)
        ears.voiced = True
        for tick in range(1000):
            before = clock.now
            hearing.tick(tick * 0.02)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if clock.now != before:
                started.append(tick * 0.02)
        hearing.close()
    assert started[1] - started[0] < 0.25
    assert started[-1] - started[-2] > 1.5  # 0.5 s at half a share of 0.6


async def test_a_sound_without_words_never_grows_past_a_segment() -> None:
    class Deaf(Recognizer):
        async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
            lengths.append(len(audio) / 32000)
            return Transcript("", (), InferenceTiming(0.0, 0.0, 0.0))

    lengths: list[float] = []
    ears = Ears(Silent())
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(Deaf())), ears, tasks, lambda words: None)
        hearing.begin(0.0)
        for second in range(60):
            hear(ears, second * 50, 50)
            ears.voiced = True
            hearing.tick(second + 1.0)
            hearing.pause(second, silent_since=second + 0.9)  # another decode of the same sound
            for _ in range(4):
                await asyncio.sleep(0)
            hearing.speech_goes_on()
        hearing.close()
    assert 11 < max(lengths) < 14
    assert min(lengths[20:]) > 2.9  # what is kept


async def test_a_partial_shows_stable_words_as_they_were_and_a_pause_what_was_recognized() -> None:
    class Fickle(Recognizer):
        async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
            return Transcript(texts.pop(0), (), InferenceTiming(0.0, 0.0, 0.0))

    texts = ["where is", "where is my", "wear is my", "wear is my parcel"]
    shown: list[str] = []
    ears = Ears(Silent())
    async with asyncio.TaskGroup() as tasks:
        hearing = Hearing(cast(Any, Site(Fickle())), ears, tasks, lambda words: shown.append(words.transcript.text))
        hearing.begin(0.0)
        for second in range(3):
            ears.voiced = True
            hearing.tick(second + 1.0)
            for _ in range(3):
                await asyncio.sleep(0)
        hearing.pause(1, silent_since=3.5)
        for _ in range(3):
            await asyncio.sleep(0)
        hearing.close()
    assert shown == ["where is", "where is my", "where is my", "wear is my parcel"]
