"""Constant phrases are spoken once for each voice digest, rate and speed; profiles name models by digest."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from voiceplane.runtime.models import ModelUnavailableError
from voiceplane.speech import profiles
from voiceplane.speech.cache import PhraseCache, VoiceChoice
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.ports import SpeechChunk
from voiceplane.speech.profiles import load_profile

pytestmark = pytest.mark.asyncio(loop_scope="session")
OPENING = "Northwind parcels, this is the automated assistant."
JOE = VoiceChoice("joe", load_profile("cpu-small").voice("joe").digest, 8000)


@dataclass(slots=True)
class Counting:
    """The real voice; remembers what it was asked for."""

    speech: TritonSpeech
    asked: list[str] = field(default_factory=list)

    async def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.asked.append(text)
        async for chunk in self.speech.synthesize(text, voice, sample_rate=sample_rate, speed=speed):
            yield chunk


async def test_a_phrase_is_spoken_once_by_a_voice_and_is_the_same_in_the_next_process(
    speech: TritonSpeech, tmp_path: Path
) -> None:
    voice = Counting(speech)
    first = PhraseCache(voice, JOE, tmp_path)
    await first.warm([OPENING])
    await first.warm([OPENING])
    spoken = [chunk async for chunk in first.speak(OPENING)]
    assert voice.asked == [OPENING] and spoken
    again = PhraseCache(voice, JOE, tmp_path)
    await again.warm([OPENING])
    repeated = [chunk async for chunk in again.speak(OPENING)]
    assert voice.asked == [OPENING]
    assert [(c.pcm, c.words) for c in repeated] == [(c.pcm, c.words) for c in spoken]


@pytest.mark.parametrize("other", [{"digest": "0" * 64}, {"sample_rate": 16_000}, {"speed": 1.25}])
async def test_another_voice_rate_or_speed_speaks_anew(
    speech: TritonSpeech, tmp_path: Path, other: dict[str, str | int | float]
) -> None:
    voice = Counting(speech)
    await PhraseCache(voice, JOE, tmp_path).warm([OPENING])
    await PhraseCache(voice, replace(JOE, **other), tmp_path).warm([OPENING])  # type: ignore[arg-type]
    assert voice.asked == [OPENING, OPENING]


async def test_a_phrase_cut_off_on_disk_is_spoken_anew(speech: TritonSpeech, tmp_path: Path) -> None:
    voice = Counting(speech)
    await PhraseCache(voice, JOE, tmp_path).warm([OPENING])
    (audio,) = (tmp_path / "phrases").glob("*.pcm")
    audio.write_bytes(audio.read_bytes()[:-100])
    again = PhraseCache(voice, JOE, tmp_path)
    await again.warm([OPENING])
    assert voice.asked == [OPENING, OPENING]


async def test_words_that_are_no_constant_phrase_are_not_kept(speech: TritonSpeech, tmp_path: Path) -> None:
    voice = Counting(speech)
    cache = PhraseCache(voice, JOE, tmp_path)
    for _ in range(2):
        assert [chunk async for chunk in cache.speak("Parcel four.")]
    assert voice.asked == ["Parcel four."] * 2
    assert not (tmp_path / "phrases").exists()  # noqa: ASYNC240


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("piper-joe@84e9a7", "piper-joe@000000"), "wants piper-joe with digest 000000.*in the catalogue"),
        (("whisper-tiny-en@", "whisper-large@"), "wants whisper-large with digest .* not in the catalogue"),
    ],
)
async def test_a_profile_whose_models_are_not_these_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], message: str
) -> None:
    manifest = tmp_path / "profiles.toml"
    manifest.write_text(profiles.MANIFEST.read_text().replace(*change))
    monkeypatch.setattr(profiles, "MANIFEST", manifest)
    with pytest.raises(ModelUnavailableError, match=message):
        load_profile("cpu-small")


async def test_an_unknown_profile_or_voice_names_those_there_are() -> None:
    with pytest.raises(ModelUnavailableError, match="'gpu-huge'; there are .*cpu-small"):
        load_profile("gpu-huge")
    with pytest.raises(ModelUnavailableError, match="no voice 'amy'; it has joe"):
        load_profile("cpu-small").voice("amy")
