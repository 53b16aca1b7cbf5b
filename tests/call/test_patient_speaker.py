"""A voice that waits for the speech server, for a time and not for a number of tries."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from voiceplane.call import line
from voiceplane.call.line import PatientSpeaker
from voiceplane.contract.audio import Pcm
from voiceplane.speech.cache import PhraseCache, VoiceChoice
from voiceplane.speech.errors import SpeechTimedOutError
from voiceplane.speech.ports import InferenceTiming, SpeechChunk


class Slow:
    """A speech server whose every failure takes five seconds of the caller's time."""

    def __init__(self, failures: int) -> None:
        self.now, self.tries, self.failures = 0.0, 0, failures

    def monotonic(self) -> float:
        return self.now

    def wall_ns(self) -> int:
        return 0

    async def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.tries += 1
        if self.tries <= self.failures:
            self.now += 5.0
            raise SpeechTimedOutError("tts did not answer in time")
        yield SpeechChunk(Pcm(b"\0\0", sample_rate), (), InferenceTiming(0, 0, 0))


def speaker(server: Slow, folder: Path) -> PatientSpeaker:
    return PatientSpeaker(PhraseCache(server, VoiceChoice("joe", "digest", 8000), folder), server)


async def test_a_server_that_stays_away_is_given_up_after_the_patience_however_slow_its_failures_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "RETRY_S", 0.0)
    server = Slow(failures=1000)
    with pytest.raises(SpeechTimedOutError):
        async for _ in speaker(server, tmp_path).speak("hello there", constant=False):
            pass
    assert server.now == 5.0 + line.PATIENCE_S


async def test_a_server_that_comes_back_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "RETRY_S", 0.0)
    chunks = [chunk async for chunk in speaker(Slow(failures=3), tmp_path).speak("hello there", constant=False)]
    assert len(chunks) == 1
