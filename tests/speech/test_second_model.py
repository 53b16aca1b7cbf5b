"""The second ear in the real Triton: a model of its own beside the first, and only where the profile names one."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from voiceplane.contract.audio import SPEECH_RATE
from voiceplane.speech.client import SpeechDeadlines, TritonSpeech
from voiceplane.speech.errors import SpeechUnavailableError
from voiceplane.speech.profiles import load_profile
from voiceplane.speech.prompts import said_before
from voiceplane.speech.server import write_repository

pytestmark = pytest.mark.asyncio(loop_scope="session")
PROFILE = load_profile("cpu-small")
SENTENCE = "I would like to speak to a person, please."


@pytest_asyncio.fixture(loop_scope="session")
async def patient(endpoint: str) -> AsyncIterator[TritonSpeech]:
    """A client that waits for a busy machine."""
    deadlines = SpeechDeadlines(recognize_s=60.0, again_s=60.0, first_chunk_s=60.0, next_chunk_s=60.0)
    async with TritonSpeech((endpoint,), deadlines, wanted=PROFILE.wanted("joe")) as speech:
        yield speech


async def said(speech: TritonSpeech) -> bytes:
    return b"".join([chunk.pcm.data async for chunk in speech.synthesize(SENTENCE, "joe", sample_rate=SPEECH_RATE)])


def words(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower())


async def test_the_second_ear_hears_words_with_the_hints_of_the_first(patient: TritonSpeech) -> None:
    heard = await patient.recognize_again(await said(patient), hints=said_before(("insurance",), digits=False))
    assert words(heard.text).startswith("i would like to speak")
    assert len(heard.words) == len(heard.text.split())


async def test_questions_that_are_left_leave_both_recognizers_as_they_were(patient: TritonSpeech) -> None:
    sound = await said(patient)

    async def heard() -> list[str]:
        both = await asyncio.gather(patient.recognize(sound), patient.recognize_again(sound))
        return [words(each.text) for each in both]

    before = await heard()
    for delay_s in (0.0, 0.02, 0.05, 0.1, 0.2):
        left = asyncio.create_task(patient.recognize_again(sound))
        await asyncio.sleep(delay_s)
        left.cancel()
        await asyncio.wait({left})
    assert await heard() == before and all(text.startswith("i would like to speak") for text in before)


async def test_a_server_with_another_second_model_is_not_asked(endpoint: str) -> None:
    wanted = {"asr_second": {"whisper-large": "0" * 64}}
    async with TritonSpeech((endpoint,), wanted=wanted) as speech:
        await speech.look()
        with pytest.raises(SpeechUnavailableError):
            await speech.recognize_again(bytes(32_000))


@pytest.mark.parametrize("name", ["cpu-small", "cpu-base"])
async def test_a_profile_serves_a_second_ear_if_it_names_one(tmp_path: Path, name: str) -> None:
    profile = load_profile(name)
    write_repository(profile, tmp_path)
    config = tmp_path / "asr_second/config.pbtxt"
    assert config.exists() is (profile.asr_second is not None)
    if profile.asr_second is not None:
        assert str(profile.asr_second.folder) in config.read_text() and "@" not in config.read_text()
        assert (tmp_path / "asr_second/1/model.py").read_bytes() == (tmp_path / "asr/1/model.py").read_bytes()
