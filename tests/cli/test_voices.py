"""The caller's voice is chosen before a call is placed; what is not there is told with what is."""

import shutil
from typing import Any, cast

import pytest
from tests.cli.test_call_command import needs_voice, voiceplane

from voiceplane.cli import voices
from voiceplane.cli.voices import FliteVoice, TritonVoice, VoiceUnavailableError, choose_voice
from voiceplane.speech.client import SpeechDeadlines
from voiceplane.speech.health import ModelState, ServerState
from voiceplane.testing.phone import AnsweringPhone


class Served:
    """A Triton with joe."""

    async def look(self) -> tuple[ServerState, ...]:
        return (ServerState("here", "", (ModelState("tts", True, "", (("joe", "1"),)),)),)


SPEECH = cast(Any, Served())


@needs_voice
async def test_a_voice_of_flite_is_taken_with_and_without_triton() -> None:
    for speech in (None, SPEECH):
        voice = await choose_voice(speech, "slt")
        assert isinstance(voice, FliteVoice) and voice.about == "flite slt"
    assert (await choose_voice(SPEECH, None)).about == "flite rms"


async def test_a_voice_of_triton_is_taken_and_without_flite_it_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(await choose_voice(SPEECH, "joe"), TritonVoice)
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert (await choose_voice(SPEECH, None)).about == "joe by Triton"
    with pytest.raises(VoiceUnavailableError, match="apt-get install flite"):
        await choose_voice(None, None)


@needs_voice
async def test_an_unknown_voice_names_those_there_are() -> None:
    with pytest.raises(VoiceUnavailableError, match=r"no voice 'amy' here; there are joe \(Triton\), .*rms \(flite\)"):
        await choose_voice(SPEECH, "amy")
    with pytest.raises(VoiceUnavailableError, match="a running stack has more"):
        await choose_voice(None, "awb_time")


async def test_words_of_a_recording_are_waited_for_longer_than_those_of_a_live_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[SpeechDeadlines] = []

    class Slow:
        def __init__(self, endpoints: tuple[str, ...], deadlines: SpeechDeadlines) -> None:
            asked.append(deadlines)

        async def __aenter__(self) -> "Slow":
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def health(self) -> dict[str, bool]:
            return {"asr": True, "tts": True}

    monkeypatch.setattr(voices, "TritonSpeech", Slow)
    async with voices.open_speech("127.0.0.1:1") as speech:
        assert isinstance(speech, Slow)
    assert asked[0].recognize_s > 6 * SpeechDeadlines().recognize_s


@needs_voice
async def test_the_command_says_so_before_it_dials(tmp_path: Any) -> None:
    async with AnsweringPhone() as answering:
        status, out, err = await voiceplane(tmp_path, "call", answering.uri, "--voice", "amy", "--say", "Hi.")
        assert answering.call is None
    assert status == 1 and out == "" and "no voice 'amy' here" in err and "rms (flite)" in err
