"""What Piper in the real Triton says: in a stream, with word times, of any text, and no longer than it is wanted."""

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from voiceplane.speech.client import SpeechDeadlines, TritonSpeech
from voiceplane.speech.errors import SpeechRefusedError, SpeechTimedOutError, SpeechUnavailableError
from voiceplane.speech.ports import SpeechChunk

pytestmark = pytest.mark.asyncio(loop_scope="session")
REPLY = "Your parcel is out for delivery, and it should arrive today before six. Is there anything else I can do?"
LONG = ("Your parcel is on its way to you now. " * 53)[:2000]  # about 100 s of speech, made in 10


async def say(speech: TritonSpeech, text: str, rate: int = 8000) -> list[SpeechChunk]:
    return [chunk async for chunk in speech.synthesize(text, "joe", sample_rate=rate)]


@pytest.mark.parametrize("rate", [8000, 16_000])
async def test_speech_streams_with_each_word_in_its_place(speech: TritonSpeech, rate: int) -> None:
    chunks = await say(speech, REPLY, rate)
    assert len(chunks) > 3
    first, total = chunks[0].pcm.duration_ms, sum(chunk.pcm.duration_ms for chunk in chunks)
    assert first < 500 < 4000 < total < 12_000
    assert all(chunk.pcm.sample_rate == rate for chunk in chunks)
    words, before = [], 0.0
    last_end = 0.0
    for chunk in chunks:
        for word in chunk.words:  # given with the chunk in which it ends; it may have begun in an earlier one
            assert 0.0 < word.end_ms <= chunk.pcm.duration_ms + 1.0
            assert -1.0 <= before + word.start_ms <= before + word.end_ms
            assert before + word.start_ms >= last_end - 1.0
            last_end = before + word.end_ms
            words.append(word.text)
        before += chunk.pcm.duration_ms
    assert words == REPLY.split()


async def test_a_phrase_sounds_the_same_each_time_it_is_synthesized(speech: TritonSpeech) -> None:
    first, second = [b"".join(chunk.pcm.data for chunk in await say(speech, REPLY)) for _ in range(2)]
    assert first == second


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("text", ["It arrives before six.", "It costs five dollars and six cents.", "I am glad."])
async def test_a_pause_is_as_long_behind_a_hiss_that_a_phone_does_not_carry(
    speech: TritonSpeech, text: str, rate: int
) -> None:
    samples = np.frombuffer(b"".join(chunk.pcm.data for chunk in await say(speech, text, rate)), "<i2")
    stretches = samples[: len(samples) // (rate // 100) * (rate // 100)].reshape(-1, rate // 100).astype(np.float64)
    last = int(np.flatnonzero(np.sqrt((stretches**2).mean(axis=1)) > 200)[-1])  # the gate of a phone's own ear
    assert 10 * (len(stretches) - 1 - last) == pytest.approx(220, abs=30)


def voiced_level_db(chunks: list[SpeechChunk]) -> float:
    """Return the level of the loud half of 20 ms stretches: pauses do not count."""
    samples = np.frombuffer(b"".join(chunk.pcm.data for chunk in chunks), "<i2").astype(np.float64)
    powers = np.sort((samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    return float(10 * np.log10(powers[len(powers) // 2 :].mean() / 32768**2))


async def test_the_phrases_of_a_voice_are_equally_loud_at_a_phones_usual_level(speech: TritonSpeech) -> None:
    texts = ("Hello.", REPLY, "Are you still there?", "4 5 6 7 2 1", "I am sorry, I cannot look that up right now.")
    levels = [voiced_level_db(await say(speech, text)) for text in texts]
    assert max(levels) - min(levels) < 6, levels
    assert all(-26 < level < -12 for level in levels), levels


async def test_the_first_sound_is_on_its_way_while_the_rest_is_computed(speech: TritonSpeech) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    arrived = [loop.time() - began async for _ in speech.synthesize(REPLY * 3, "joe", sample_rate=8000)]
    assert arrived[0] < arrived[-1] / 2


@pytest.mark.parametrize("text", ["", "   ", "...", "?!"])
async def test_nothing_to_say_is_silence_and_no_error(speech: TritonSpeech, text: str) -> None:
    assert await say(speech, text) == []


async def test_a_phrase_that_is_left_gives_its_thread_to_the_next_one(speech: TritonSpeech) -> None:
    """Two texts hold both threads, the first is left. Were it spoken on, the second would end before a third begins."""
    brought, begun = 0, asyncio.Event()

    async def go_on() -> None:
        nonlocal brought
        async for _ in speech.synthesize(LONG, "joe", sample_rate=8000):
            brought += 1
            begun.set()

    async with aclosing(speech.synthesize(LONG, "joe", sample_rate=8000)) as first:
        assert 0 < (await anext(first)).pcm.duration_ms < 500
        second = asyncio.create_task(go_on(), name="the second text")
        await begun.wait()
    assert await say(speech, "Hello.")
    at_the_third = brought
    await second
    assert at_the_third < brought / 2


async def test_a_long_sentence_comes_in_pieces_that_are_soon_done(speech: TritonSpeech) -> None:
    """The first piece of another caller's phrase waits for no longer than a piece in hand."""
    sentence = "Your parcel is on its way to you now and will come to the place that you chose " * 4
    chunks = await say(speech, sentence)
    assert sum(chunk.pcm.duration_ms for chunk in chunks) > 10_000
    assert max(chunk.pcm.duration_ms for chunk in chunks) < 700


async def test_a_voice_that_is_not_there_is_refused_with_those_that_are(speech: TritonSpeech) -> None:
    with pytest.raises(SpeechRefusedError, match="no voice 'nobody' here; voices are joe"):
        _ = [chunk async for chunk in speech.synthesize("Hello.", "nobody", sample_rate=8000)]


async def test_a_deadline_that_cannot_be_kept_is_said_to_have_passed(endpoint: str) -> None:
    hasty = SpeechDeadlines(recognize_s=0.001, judge_s=0.001, first_chunk_s=0.001)
    async with TritonSpeech((endpoint,), hasty) as speech:
        with pytest.raises(SpeechTimedOutError, match="asr did not answer in time"):
            await speech.recognize(b"\0\0" * 64_000)
        with pytest.raises(SpeechTimedOutError, match="turn did not answer in time"):
            await speech.end_probability(b"\0\0" * 64_000)
        with pytest.raises(SpeechTimedOutError, match="tts did not answer in time"):
            await say(speech, REPLY)


async def test_a_second_server_answers_for_one_that_is_away(endpoint: str) -> None:
    async with TritonSpeech(("127.0.0.1:1", endpoint)) as speech:
        assert await say(speech, "Hello.")
        assert (await speech.end_probability(b"\0\0" * 16_000)).probability >= 0.0
        assert all((await speech.health()).values())
    async with TritonSpeech(("127.0.0.1:1",)) as speech:
        with pytest.raises(SpeechUnavailableError, match="tts is away"):
            await say(speech, "Hello.")
        with pytest.raises(SpeechUnavailableError, match="asr is away"):
            await speech.recognize(b"\0\0" * 16_000)
