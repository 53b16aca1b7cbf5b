"""Where a turn's first speech came from: the phrase cache, a rehearsal, or synthesis while the caller waits."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from voiceplane.call.line import PatientSpeaker
from voiceplane.call.mouth import Chunk, Source
from voiceplane.call.rehearsal import RehearsedSpeaker
from voiceplane.call.timings import TurnTimings
from voiceplane.call.waste import Waste
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.cache import PhraseCache, VoiceChoice
from voiceplane.speech.ports import InferenceTiming, SpeechChunk


class Synthesizer:
    async def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        word = WordTime(text, 0.0, 100.0)
        yield SpeechChunk(Pcm(bytes(1600), sample_rate), (word,), InferenceTiming(5.0, 65.0, 70.0))


def voice(folder: Path) -> PhraseCache:
    return PhraseCache(Synthesizer(), VoiceChoice("joe", "d", 8000), folder)


async def spoken(speaker: RehearsedSpeaker, text: str) -> Chunk:
    return [chunk async for chunk in speaker.speak(text, constant=False)][0]


async def test_each_phrase_says_where_it_came_from(tmp_path: Path) -> None:
    cache = voice(tmp_path)
    await cache.warm(["hello"])
    async with asyncio.TaskGroup() as tasks:
        speaker = RehearsedSpeaker(PatientSpeaker(cache, SystemClock()), tasks, Waste())
        cached, fresh = await spoken(speaker, "hello"), await spoken(speaker, "today")
        assert (cached.source, cached.synthesis_ms) == (Source.CACHED, 0.0)
        assert (fresh.source, fresh.synthesis_ms) == (Source.SYNTHESIZED, 70.0)
        speaker.rehearse("friday")
        rehearsed = await spoken(speaker, "friday")
        assert (rehearsed.source, rehearsed.synthesis_ms) == (Source.REHEARSED, 70.0)
        speaker.rehearse("hello")
        assert (await spoken(speaker, "hello")).source is Source.CACHED


async def test_a_phrase_that_was_cached_on_disk_is_cached_in_the_next_process(tmp_path: Path) -> None:
    await voice(tmp_path).warm(["hello"])
    chunks = [chunk async for chunk in voice(tmp_path).speak("hello")]
    assert all(chunk.cached for chunk in chunks)


def test_a_turns_timings_count_from_the_last_sound_and_synthesis_from_its_own_beginning() -> None:
    timings = TurnTimings(9.0, 10.0, 10.2, {"phrase": 10.25}, synthesis_ms=70.0)
    found = dict(timings.milliseconds(10.3))
    assert found == {"phrase": 250.0, "endpointing": 200.0, "first_audio": 300.0, "synthesis": 70.0}
    assert "synthesis" not in dict(TurnTimings(9.0, 10.0, 10.2).milliseconds(10.3))
