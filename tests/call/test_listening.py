"""The floor of one call as its media tells of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from voiceplane.call.ending import Ending
from voiceplane.call.holding import CallClock
from voiceplane.call.listening import Listening
from voiceplane.media.session import MediaEvent, PlayoutStarted
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.ports import InferenceTiming, Transcript
from voiceplane.turn.gate import SpeechStarted
from voiceplane.turn.machine import Floor
from voiceplane.turn.parameters import TurnParameters


class Session:
    """A session in which these things happen."""

    def __init__(self, *happens: MediaEvent) -> None:
        self.happens = happens

    async def events(self) -> AsyncIterator[MediaEvent]:
        for event in self.happens:
            yield event


async def test_a_turn_began_with_its_first_packet_also_when_it_goes_on_after_a_pause() -> None:
    vad = SimpleNamespace(detector=lambda: SimpleNamespace(probability=lambda window: 0.0))
    clock = CallClock(SystemClock())
    site = SimpleNamespace(vad=vad, turn_parameters=TurnParameters, clock=clock)
    session = Session(PlayoutStarted(1.0, 0), PlayoutStarted(3.0, 16_000))
    async with asyncio.TaskGroup() as tasks:
        parts = cast(Any, site), cast(Any, session), cast(Any, None), Ending()
        listening = Listening(*parts, tasks=tasks, clock=clock)
        await listening.run()
        assert listening.started_at == 1.0
        listening.first_packet.clear()  # the next turn of the agent
        listening._session = cast(Any, Session(PlayoutStarted(7.0, 48_000)))
        await listening.run()
        assert listening.started_at == 7.0


async def test_the_agent_fell_silent_for_the_first_of_two_words_that_are_heard_together() -> None:
    vad = SimpleNamespace(detector=lambda: SimpleNamespace(probability=lambda window: 0.0))
    clock = CallClock(SystemClock())
    site = SimpleNamespace(vad=vad, turn_parameters=TurnParameters, clock=clock)
    mouth = SimpleNamespace(duck=lambda: None)
    async with asyncio.TaskGroup() as tasks:
        parts = cast(Any, site), cast(Any, Session()), cast(Any, mouth), Ending()
        listening = Listening(*parts, tasks=tasks, clock=clock)
        alone = replace(listening.floor.state, floor=Floor.AGENT)
        listening.floor.state = replace(alone, aside=(1.0, 1.2))
        listening.floor.feed(SpeechStarted(1.5))
        assert listening.floor.state.floor is Floor.DUCKED and "ducked" not in listening.cut_marks()
        listening.floor.state = alone
        listening.floor.feed(SpeechStarted(3.0))
        assert "ducked" in listening.cut_marks()


async def test_the_planner_is_asked_while_the_caller_speaks_once_a_partial_is_stable_and_not_before() -> None:
    heard = ["Where", "Where is", "Where is my", "Where is my parcel?", "Where is my parcel?"]
    decoded: list[str] = []
    asked: list[tuple[int, str]] = []  # after how many decodes, and with which words

    async def recognize(audio: bytes, *, hints: str, partial: bool) -> Transcript:
        decoded.append(heard[len(decoded)])
        return Transcript(decoded[-1], (), InferenceTiming(0.0, 0.0, 0.0))

    vad = SimpleNamespace(detector=lambda: SimpleNamespace(probability=lambda window: 1.0))
    clock = CallClock(SystemClock())
    recognizer = SimpleNamespace(recognize=recognize)
    site = SimpleNamespace(
        vad=vad,
        turn_parameters=TurnParameters,
        clock=clock,
        recognizer=recognizer,
        said_before=lambda *, digits: "",
    )
    async with asyncio.TaskGroup() as tasks:
        parts = cast(Any, site), cast(Any, Session()), cast(Any, None), Ending()
        listening = Listening(*parts, tasks=tasks, clock=clock)
        listening.dialogue.maybe = lambda words, told: asked.append((len(decoded), words.text))
        listening.floor.state = replace(listening.floor.state, floor=Floor.CALLER)
        listening._hearing.begin(0.0)
        listening._ears.voiced = True
        for tenth in range(1, 60):
            if len(decoded) < len(heard):
                listening._hearing.tick(tenth * 0.1)
            for _ in range(4):
                await asyncio.sleep(0)
        listening.close()
    assert asked == [(len(heard), "Where is my parcel?")]
