"""A caller over a shielded sentence: neither sound nor keys cut it, and both count once it has left."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from voiceplane.call.holding import CallClock
from voiceplane.call.line import SessionPlayout
from voiceplane.call.listening import Listening
from voiceplane.call.mouth import Chunk, Mouth
from voiceplane.call.shields import Shield
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.media.session import MediaAgreement, MediaSession
from voiceplane.runtime.clock import SystemClock
from voiceplane.turn.events import AgentStarted
from voiceplane.turn.parameters import TurnParameters

NOISE = np.random.default_rng(3).normal(0.0, 3000.0, 320).astype("<i2").tobytes()
NOTICE_S = 1.0


class Voice:
    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        tone = (8000 * np.sin(np.arange(int(8000 * NOTICE_S)) / 5)).astype("<i2").tobytes()
        yield Chunk(Pcm(tone, 8000), (WordTime(text, 0.0, 1000 * NOTICE_S),))


class Loud:
    """A caller who speaks from the first frame on, or never."""

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def probability(self, window: bytes) -> float:
        return self._probability


class Deaf:
    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Any:
        await asyncio.sleep(60)

    async def end_probability(self, audio: bytes) -> Any:
        await asyncio.sleep(60)


@contextlib.asynccontextmanager
async def calling(first_port: int, probability: float) -> AsyncIterator[tuple[Listening, MediaSession, Mouth]]:
    """A call whose media is moved by hand: the pacer takes nothing."""
    site = SimpleNamespace(
        vad=SimpleNamespace(detector=lambda: Loud(probability)),
        turn_parameters=TurnParameters,
        clock=SystemClock(),
        recognizer=Deaf(),
        judge=Deaf(),
        said_before=lambda *, digits: "",
    )
    server = MediaServer(MediaSettings(first_port=first_port, last_port=first_port + 40), SystemClock())
    async with server.running(), server.open_session() as session, asyncio.TaskGroup() as tasks:
        mouth = Mouth(Voice(), SessionPlayout(session))
        clock = CallClock(site.clock)
        listening = Listening(cast(Any, site), session, mouth, cast(Any, None), tasks=tasks, clock=clock)
        session.start(MediaAgreement("PCMU", ("127.0.0.1", 9), None))
        session._pacer.leave(session._sender)
        mouth.begin()
        await mouth.phrase("notice", shield=Shield())
        await mouth.phrase("more")
        listening.floor.feed(AgentStarted(0.0))
        yield listening, session, mouth
        listening.close()


def frames(listening: Listening, session: MediaSession, seconds: float) -> Iterator[float]:
    """Let 20 ms pass both ways, again and again; yields when it is."""
    for number in range(round(seconds * 50)):
        frame = session.playout.next_frame(pause=False)
        assert frame is not None
        session.playout.confirm(frame, sequence=number, tick=number)
        listening._hear(NOISE, number * 0.02)
        yield number * 0.02


async def test_a_caller_who_speaks_over_a_notice_is_heard_when_it_has_left() -> None:
    async with calling(32000, 1.0) as (listening, session, _):
        ducked = next(at for at in frames(listening, session, 2.0) if session.playout.is_suspended)
        assert NOTICE_S - 0.05 <= ducked <= NOTICE_S + 0.05
        assert session.heard().text == "notice"


async def test_keys_pressed_over_a_notice_are_kept_and_answered_when_it_has_left() -> None:
    async with calling(32050, 0.0) as (listening, session, mouth):
        listening._keypad.type("4#", 0.0, shielded=True)
        answered = next(at for at in frames(listening, session, 2.0) if not listening.keys.empty())
        assert NOTICE_S - 0.05 <= answered <= 1.6 and mouth.interrupted
        assert listening.keys.get_nowait().keys == "4"
        assert session.heard().text == "notice"
