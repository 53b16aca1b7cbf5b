"""Words and the turn model's verdict, asked for at the first silent window of what may be a pause."""

import asyncio
from typing import Any, cast

import pytest

from voiceplane.call.ears import WINDOW_BYTES, WINDOW_S, Ears
from voiceplane.call.hearing import Hearing, Words
from voiceplane.call.judging import JUDGED_SILENCE, Judging
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.ports import InferenceTiming, Transcript, TurnVerdict
from voiceplane.turn.gate import SpeechPaused

VOICE, SILENCE = b"\x01\x10" * (WINDOW_BYTES // 2), bytes(WINDOW_BYTES)
TIMING = InferenceTiming(0.0, 0.0, 0.0)


class LoudIsVoice:
    def probability(self, window: bytes) -> float:
        return 0.9 if any(window) else 0.0


class Models:
    """Answers at once with how much it was given; remembers what it was asked."""

    def __init__(self) -> None:
        self.recognizer = self.judge = self
        self.clock = SystemClock()
        self.decoded: list[tuple[int, bool]] = []  # windows, whether a partial
        self.judged: list[int] = []
        self.go = asyncio.Event()
        self.go.set()

    def said_before(self, *, digits: bool) -> str:
        return ""

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        self.decoded.append((len(audio) // WINDOW_BYTES, partial))
        await self.go.wait()
        return Transcript(f"{len(audio) // WINDOW_BYTES} windows", (), TIMING)

    async def end_probability(self, audio: bytes) -> TurnVerdict:
        self.judged.append((len(audio) - len(JUDGED_SILENCE)) // WINDOW_BYTES)
        return TurnVerdict(len(audio) / 1e6, TIMING)


class Caller:
    """Windows of voice and silence for a hearing, one call of tick() a window."""

    def __init__(self, models: Models, tasks: asyncio.TaskGroup) -> None:
        self.told: list[Words] = []
        self.ears = Ears(LoudIsVoice())
        self.hearing = Hearing(cast(Any, models), self.ears, tasks, self.told.append)
        self.now = 10.0
        self.pauses = 0
        self.hearing.begin(self.now)

    async def says(self, pattern: str) -> list[bool]:
        """Let `#` and `.` be heard; return for each window whether words were asked ahead."""
        asked = []
        for mark in pattern:
            self.now += WINDOW_S
            edges = self.ears.hear(VOICE if mark == "#" else SILENCE, at=self.now)
            for edge in edges:
                if isinstance(edge, SpeechPaused):
                    self.pauses += 1
                    self.hearing.pause(self.pauses, silent_since=edge.since)
                else:
                    self.hearing.speech_goes_on()
            asked.append(self.hearing.tick(self.now))
            await settled()
        return asked


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_a_pauses_words_are_asked_for_at_its_first_silent_window_and_once() -> None:
    models = Models()
    async with asyncio.TaskGroup() as tasks:
        caller = Caller(models, tasks)
        assert await caller.says("######.....") == [*[False] * 6, True, *[False] * 4]
        assert models.decoded == [(7, False)]
        assert [(words.pause, words.transcript.text) for words in caller.told] == [(0, "7 windows"), (1, "7 windows")]
        caller.hearing.close()


async def test_a_silence_that_is_no_pause_has_had_its_partial() -> None:
    models = Models()
    async with asyncio.TaskGroup() as tasks:
        caller = Caller(models, tasks)
        asked = await caller.says("######.#########..")
        assert [place for place, each in enumerate(asked) if each] == [6, 16]
        assert models.decoded[0] == (7, False) and models.decoded[-1] == (17, False)
        assert models.decoded[1] == (7 + 6, True)  # the next partial, its time after the one that was asked ahead
        assert [(words.pause, words.transcript.text) for words in caller.told][-1] == (1, "17 windows")
        caller.hearing.close()


async def test_a_slow_recognizer_is_not_asked_ahead() -> None:
    models = Models()
    async with asyncio.TaskGroup() as tasks:
        caller = Caller(models, tasks)
        caller.hearing._latency_s = 0.4
        assert not any(await caller.says("######..."))
        assert models.decoded == [(8, False)]
        caller.hearing.close()


async def test_one_that_was_asked_ahead_comes_to_its_end_before_the_next() -> None:
    models = Models()
    models.go.clear()
    async with asyncio.TaskGroup() as tasks:
        caller = Caller(models, tasks)
        asked = await caller.says("########.##.##.##")
        assert sum(asked) == 1
        models.go.set()
        await settled()
        assert caller.told[0].transcript.text == "9 windows"
        caller.hearing.close()


@pytest.mark.parametrize(("silent_since", "windows"), [(1.0, [4]), (1.5, [4, 5])])
async def test_a_verdict_asked_ahead_holds_for_the_pause_that_it_was_asked_about(
    silent_since: float, windows: list[int]
) -> None:
    models, told = Models(), list[tuple[int, float]]()
    async with asyncio.TaskGroup() as tasks:
        judging = Judging(cast(Any, models), tasks, lambda pause, probability: told.append((pause, probability)))
        judging.ahead(3 * VOICE, at=1.03)
        await settled()
        judging.pause(7, 5 * VOICE, silent_since=silent_since)
        await settled()
    assert models.judged == windows
    assert told == [(7, (windows[-1] * WINDOW_BYTES + len(JUDGED_SILENCE)) / 1e6)]


async def test_nothing_is_judged_on_when_the_call_ends() -> None:
    before = asyncio.all_tasks()
    models = Models()
    async with asyncio.TaskGroup() as tasks:
        judging = Judging(cast(Any, models), tasks, lambda pause, probability: None)
        judging.ahead(VOICE, at=1.0)
        judging.forget()
        await settled()
        assert asyncio.all_tasks() == before
