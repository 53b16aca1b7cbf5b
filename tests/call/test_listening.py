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
