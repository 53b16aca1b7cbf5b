"""The floor of one call as its media tells of it."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from voiceplane.call.ending import Ending
from voiceplane.call.holding import CallClock
from voiceplane.call.listening import Listening
from voiceplane.media.session import MediaEvent, PlayoutStarted
from voiceplane.runtime.clock import SystemClock
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
