"""One answer at every door: why no call comes in now, from the start to the drain."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from voiceplane.call.readiness import Readiness
from voiceplane.contract.audio import Pcm
from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.server import SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.speech.cache import PhraseCache, VoiceChoice
from voiceplane.speech.errors import SpeechError, SpeechRefusedError, SpeechUnavailableError
from voiceplane.speech.health import MODELS, ModelState, ServerState
from voiceplane.speech.ports import InferenceTiming, SpeechChunk

GOOD = (ServerState("here", "", tuple(ModelState(name, True) for name in MODELS)),)
NO_VOICE = (ServerState("here", "", (*(ModelState(n, True) for n in ("asr", "turn")), ModelState("tts", False, "no"))),)


class Desk:
    """A gateway's readiness beside a speech server that this test plays."""

    def __init__(self, folder: Path) -> None:
        self.servers = GOOD
        self.failure: SpeechError | None = None
        self.broken = False
        self.looked = asyncio.Event()
        self.told: list[bool] = []
        agent = UserAgent(AgentSettings(), Limits())
        self.state = agent.state
        sip = SipServer(agent, SystemClock(), refused=lambda _: None)
        self.readiness = Readiness(sip, self.look, self.tell)
        self.voices = {8000: PhraseCache(self, VoiceChoice("joe", "digest", 8000), folder)}

    async def look(self) -> tuple[ServerState, ...]:
        self.looked.set()
        if self.broken:
            raise RuntimeError("an unforeseen fault")
        return self.servers

    async def tell(self, ready: bool) -> None:
        self.told.append(ready)

    async def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        if self.failure is not None:
            raise self.failure
        yield SpeechChunk(Pcm(b"\0\0", sample_rate), (), InferenceTiming(0, 0, 0))

    async def begin(self) -> None:
        await self.readiness.begin(self.voices, ("Hello.",))


async def until(desk: Desk, words: str) -> None:
    async with asyncio.timeout(10):
        while True:
            if words in (desk.readiness.problem or "none"):
                return
            await asyncio.sleep(0.01)


async def test_a_gateway_that_waits_for_a_voice_says_so_and_opens_when_it_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.state.paused and (desk.readiness.problem or "").startswith("waiting for speech")
    desk.failure = SpeechUnavailableError("tts is away")
    desk.servers = NO_VOICE
    beginning = asyncio.create_task(desk.begin())
    await until(desk, "waiting for speech: speech models not ready: tts at here: no")
    assert desk.state.paused and True not in desk.told
    desk.failure, desk.servers = None, GOOD
    watching = asyncio.create_task(desk.readiness.watch())
    await asyncio.wait_for(beginning, 10)
    await until(desk, "none")
    assert not desk.state.paused and desk.told[-1]
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_voice_that_speech_refuses_is_an_error_and_not_waited_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.failure = SpeechRefusedError("no voice 'joe' here")
    with pytest.raises(SpeechRefusedError):
        await asyncio.wait_for(desk.begin(), 10)
    assert desk.state.paused and True not in desk.told


async def test_a_drain_closes_every_door_and_stays_closed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.begin()
    assert desk.readiness.problem is None and desk.told == [True]
    await desk.readiness.drain()
    assert desk.readiness.problem == "draining" and desk.state.draining and desk.told == [True, False]
    await desk.begin()  # speech that comes back opens nothing
    assert desk.readiness.problem == "draining" and desk.told[-1] is False


async def test_a_fault_of_the_watch_is_logged_and_the_watch_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceplane.call.readiness.WATCH_AGAIN_S", 0.01)
    desk = Desk(tmp_path)
    await desk.begin()
    desk.broken = True
    desk.looked.clear()
    watching = asyncio.create_task(desk.readiness.watch())
    await asyncio.wait_for(desk.looked.wait(), 10)
    await asyncio.sleep(0)
    assert desk.readiness.problem is None and "the watch over speech failed" in caplog.text
    desk.broken, desk.servers = False, NO_VOICE
    await until(desk, "tts at here: no")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
