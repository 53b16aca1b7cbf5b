"""A pause of doubtful words in a call's listening: with a second ear and without, on virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from tests.call.virtual import LoopClock, virtually

from voiceplane.call.ending import Ending
from voiceplane.call.holding import CallClock
from voiceplane.call.listening import Listening
from voiceplane.speech.ports import InferenceTiming, Transcript, TurnVerdict
from voiceplane.turn.events import EndTurn, Tick
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.reading import AskedDigits

MISHEARD, MEANT = "where is my car still", "where is my parcel"


def transcript(text: str) -> Transcript:
    return Transcript(text, (), InferenceTiming(0.0, 0.0, 0.0))


class Recognizer:
    """Hears these words after so long; knows whether it was asked and left."""

    def __init__(self, text: str, after_s: float) -> None:
        self.text, self.after_s = text, after_s
        self.hints: list[str] = []
        self.left = 0

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        self.hints.append(hints)
        try:
            await asyncio.sleep(self.after_s)
        except asyncio.CancelledError:
            self.left += 1
            raise
        return transcript(self.text)

    async def recognize_again(self, audio: bytes, *, hints: str = "") -> Transcript:
        return await self.recognize(audio, hints=hints)


class Unsure:
    async def end_probability(self, audio: bytes) -> TurnVerdict:
        return TurnVerdict(0.3, InferenceTiming(0.0, 0.0, 0.0))


class Planner:
    """Understands what was meant, 20 ms after it was told of words."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.known = False

    def maybe(self, words: Transcript, told: Callable[[], None]) -> None:
        self.told.append(words.text)
        self.known = False
        asyncio.get_running_loop().call_later(0.02, self._understand, told)

    def understood(self) -> bool | None:
        return self.told[-1] == MEANT if self.known else None

    def _understand(self, told: Callable[[], None]) -> None:
        self.known = True
        told()


class Call:
    """Listening whose caller has just fallen silent."""

    def __init__(self, listening: Listening, planner: Planner, since: float) -> None:
        self.listening, self.planner, self.since = listening, planner, since

    async def turn(self) -> tuple[float, str]:
        """Return how long the turn's end was waited for, and its words."""
        async with asyncio.timeout(10.0):
            turn = await self.listening.floor.turns.get()
            assert isinstance(turn, EndTurn)
            return turn.at - self.since, (await self.listening.words(turn)).text


@contextlib.asynccontextmanager
async def paused(first: Recognizer, second: Recognizer | None) -> AsyncIterator[Call]:
    clock = LoopClock()
    site = SimpleNamespace(
        vad=SimpleNamespace(detector=lambda: SimpleNamespace(probability=lambda window: 0.0)),
        turn_parameters=TurnParameters,
        clock=clock,
        recognizer=first,
        second=second,
        judge=Unsure(),
        longest_number=6,
        said_before=lambda *, digits: "parcel, insurance",
    )
    async with asyncio.TaskGroup() as tasks:
        session = SimpleNamespace(sent=lambda seconds: b"")
        parts = cast(Any, site), cast(Any, session), cast(Any, None), Ending()
        listening = Listening(*parts, tasks=tasks, clock=CallClock(clock))
        planner = Planner()
        listening.dialogue.maybe, listening.dialogue.understood = planner.maybe, planner.understood
        since = clock.monotonic()
        listening.floor.state = replace(listening.floor.state, floor=Floor.OPEN)
        listening.floor.feed(SpeechStarted(since - 1.0))
        listening.floor.feed(SpeechPaused(since + 0.1, since))
        ticking = tasks.create_task(_tick(listening, clock))
        try:
            yield Call(listening, planner, since)
        finally:
            ticking.cancel()
            listening.close()


async def _tick(listening: Listening, clock: LoopClock) -> None:
    while True:
        await asyncio.sleep(0.02)
        listening.floor.feed(Tick(clock.monotonic()))


def hearings(outcome: str) -> float:
    return REGISTRY.get_sample_value("voiceplane_second_hearings_total", {"outcome": outcome}) or 0.0


async def waited(first: Recognizer, second: Recognizer | None) -> tuple[float, str]:
    async with paused(first, second) as call:
        return await call.turn()


def test_misheard_words_are_answered_as_they_were_meant_and_sooner() -> None:
    first, second = Recognizer(MISHEARD, 0.05), Recognizer(MEANT, 0.3)
    before = hearings("taken")
    alone_s, alone = virtually(waited(Recognizer(MISHEARD, 0.05), None))

    async def answered() -> None:
        async with paused(first, second) as call:
            both_s, both = await call.turn()
            assert (alone, both) == (MISHEARD, MEANT)
            assert both_s < 0.6 < alone_s
            assert call.listening.marks["second"] > call.since
            assert call.planner.told == [MISHEARD, MEANT]

    virtually(answered())
    assert second.hints == first.hints == ["parcel, insurance"]
    assert hearings("taken") == before + 1


def test_a_second_ear_that_hears_no_better_changes_neither_the_words_nor_the_wait() -> None:
    alone = virtually(waited(Recognizer(MISHEARD, 0.05), None))
    assert virtually(waited(Recognizer(MISHEARD, 0.05), Recognizer("where is my power", 0.3))) == alone


def test_a_turn_does_not_wait_for_a_second_ear_that_is_late_and_leaves_its_work() -> None:
    late = Recognizer(MEANT, 5.0)
    alone = virtually(waited(Recognizer(MISHEARD, 0.05), None))
    assert virtually(waited(Recognizer(MISHEARD, 0.05), late)) == alone
    assert late.left == 1


def test_words_that_are_understood_are_not_heard_again() -> None:
    second = Recognizer(MISHEARD, 0.01)
    assert virtually(waited(Recognizer(MEANT, 0.05), second))[1] == MEANT
    assert second.hints == []


def test_a_slow_recognizer_tells_of_a_loaded_machine_and_the_second_ear_is_not_asked() -> None:
    second = Recognizer(MEANT, 0.01)
    assert virtually(waited(Recognizer(MISHEARD, 0.8), second))[1] == MISHEARD
    assert second.hints == []


HALF, WHOLE = "Seven three one.", "Seven three one, zero zero four."


def test_half_a_number_is_heard_again_on_a_loaded_machine_too_once_no_other_group_can_begin() -> None:
    async def dictated(second: Recognizer | None) -> tuple[float, str]:
        async with paused(Recognizer(HALF, 0.8), second) as call:
            call.listening.expect(AskedDigits(6))
            await asyncio.sleep(1.0)
            assert second is None or second.hints == []  # the next group may begin
            return await call.turn()

    second = Recognizer(WHOLE, 0.3)
    alone_s, alone = virtually(dictated(None))
    both_s, both = virtually(dictated(second))
    assert second.hints == [""]  # digits said before would lead it to leave some out
    assert (alone, both) == (HALF, WHOLE)
    assert 1.5 < both_s < 1.8 < alone_s


def test_half_a_number_whose_next_group_begins_is_not_heard_again_on_a_loaded_machine() -> None:
    second, late = Recognizer(WHOLE, 0.3), hearings("late")

    async def dictated() -> None:
        async with paused(Recognizer(HALF, 0.8), second) as call:
            call.listening.expect(AskedDigits(6))
            await asyncio.sleep(1.2)
            call.listening._feed_edge(SpeechStarted(call.since + 1.2))
            await asyncio.sleep(1.0)
            assert call.listening.floor.state.floor is Floor.CALLER

    virtually(dictated())
    assert second.hints == [] and hearings("late") == late


@pytest.mark.parametrize("what", ["goes on", "agent speaks", "transfer"])
def test_nothing_is_made_of_a_pause_that_is_over(what: str) -> None:
    second = Recognizer(MEANT, 0.3)

    async def over() -> None:
        async with paused(Recognizer(MISHEARD, 0.05), second) as call:
            await asyncio.sleep(0.2)
            assert len(second.hints) == 1 and call.listening.floor.state.floor is Floor.PAUSED
            match what:
                case "goes on":
                    call.listening._feed_edge(SpeechStarted(call.since + 0.2))
                case "agent speaks":
                    call.listening._agent_started(call.since + 0.2)
                case _:
                    call.listening.transferring()
            await asyncio.sleep(0.5)
            assert second.left == 1 and call.planner.told == [MISHEARD]

    virtually(over())
