"""More work than the speech server can do in time: it says so at once, and is well again afterwards."""

import asyncio

import pytest

from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.errors import SpeechOverloadedError, SpeechTimedOutError

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
LONG = "Your parcel is on its way to you now and will come to the place that you chose. " * 4
TOO_MANY = 90  # more than tts and asr queue


async def test_phrases_beyond_the_queue_are_refused_as_overload_and_the_next_is_spoken(speech: TritonSpeech) -> None:
    async def say() -> str:
        try:
            async for _ in speech.synthesize(LONG, "joe", sample_rate=8000):
                return "spoken"
        except (SpeechOverloadedError, SpeechTimedOutError) as error:
            return type(error).__name__
        return "silent"

    outcomes = await asyncio.gather(*(say() for _ in range(TOO_MANY)))
    assert "SpeechOverloadedError" in outcomes and "spoken" in outcomes
    assert await say() == "spoken"


async def test_turns_beyond_the_queue_are_refused_as_overload_and_the_next_is_recognized(speech: TritonSpeech) -> None:
    sound = b"\0\0" * 16_000 * 8

    async def recognize() -> str:
        try:
            await speech.recognize(sound)
        except (SpeechOverloadedError, SpeechTimedOutError) as error:
            return type(error).__name__
        return "recognized"

    outcomes = await asyncio.gather(*(recognize() for _ in range(TOO_MANY)))
    assert "SpeechOverloadedError" in outcomes
    assert await recognize() == "recognized"
