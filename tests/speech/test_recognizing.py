"""What whisper in the real Triton makes of other voices, of phone lines, and of sounds that are no speech."""

import asyncio
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voiceplane.contract.audio import SPEECH_RATE, Pcm
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.errors import SpeechRefusedError
from voiceplane.speech.prompts import DIGITS
from voiceplane.testing.phone.audio import read_wav, resample

pytestmark = pytest.mark.asyncio(loop_scope="session")
Flite = Callable[[str], Path]
SECONDS = np.arange(3 * SPEECH_RATE) / SPEECH_RATE
NOISE = np.random.default_rng(1).normal(0.0, 1.0, len(SECONDS))


def words(text: str) -> str:
    """Lower case; digits of one number are written together or apart."""
    plain = re.sub(r"[^a-z0-9 ]", "", text.lower().replace("-", " "))
    return re.sub(r"(?<=\d) (?=\d)", "", " ".join(plain.split()))


def over_the_phone(audio: Pcm) -> Pcm:
    """Take away what a G.711 line does: all above 4 kHz."""
    return resample(resample(audio, 8000), SPEECH_RATE)


async def joe(speech: TritonSpeech, text: str) -> Pcm:
    chunks = [chunk.pcm.data async for chunk in speech.synthesize(text, "joe", sample_rate=SPEECH_RATE)]
    return Pcm(b"".join(chunks), SPEECH_RATE)


SENTENCES = (
    ("I would like to speak to a person, please.", "i would like to speak to a person please"),
    ("My order number is four five six seven two one.", "my order number is 456721"),
    ("It is four five double two.", "it is 45 double 2"),
)


async def test_a_long_sentence_said_fast_is_heard_to_its_end(speech: TritonSpeech, tmp_path: Path) -> None:
    said = (
        "could you please tell me whether the parcel with the blue label that you said would be here by three is still "
        "on its way or whether I should go and pick it up at the shop on the corner"
    )
    path = tmp_path / "fast.wav"
    command = ["flite", "-voice", "rms", "--setf", "duration_stretch=0.6", "-t", said, "-o", str(path)]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=20)
    heard = await speech.recognize(resample(read_wav(path), SPEECH_RATE).data)
    assert words(heard.text).endswith("or whether i should go and pick it up at the shop on the corner")


@pytest.mark.parametrize("line", [False, True], ids=["16 kHz", "8 kHz"])
@pytest.mark.parametrize(("said", "written"), SENTENCES)
async def test_a_voice_is_understood_word_by_word(
    speech: TritonSpeech, flite: Flite, said: str, written: str, *, line: bool
) -> None:
    audio = resample(read_wav(flite(said)), SPEECH_RATE)
    heard = await speech.recognize((over_the_phone(audio) if line else audio).data)
    assert words(heard.text) == written
    assert heard.confidence > 0.5
    spans = [(word.start_ms, word.end_ms) for word in heard.words]
    assert spans == sorted(spans) and all(0 <= start <= end <= audio.duration_ms + 20 for start, end in spans)
    assert words(" ".join(word.text for word in heard.words)) == written


@pytest.mark.parametrize("line", [False, True], ids=["16 kHz", "8 kHz"])
async def test_the_digits_of_a_voice_that_never_says_a_thing_twice_alike_are_understood(
    speech: TritonSpeech, *, line: bool
) -> None:
    audio = await joe(speech, "My order number is four five six seven two one.")
    heard = await speech.recognize((over_the_phone(audio) if line else audio).data)
    assert "456721" in words(heard.text)


def tone(*hertz: float) -> NDArray[np.float64]:
    return sum((np.sin(2 * np.pi * each * SECONDS) for each in hertz), np.zeros(len(SECONDS))) / len(hertz)


def melody(*hertz: float) -> NDArray[np.float64]:
    beat = (SECONDS * 4).astype(int) % len(hertz)
    return sum((tone(each) * (beat == number) for number, each in enumerate(hertz)), np.zeros(len(SECONDS)))


def music() -> NDArray[np.float64]:
    """Chords of struck strings with their harmonics, a bass, and drums: what a hold loop is made of."""
    dice = np.random.default_rng(2)
    out = np.zeros(len(SECONDS))
    chords = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
    for beat in range(12):  # quarter of a second each
        since = SECONDS - beat / 4
        struck = (since >= 0) * np.exp(-4 * np.maximum(since, 0))
        for hertz in (*chords[beat // 3], chords[beat // 3][0] / 2):
            for harmonic in range(1, 9):
                phase = dice.uniform(0, 2 * np.pi)
                out += struck * np.sin(2 * np.pi * hertz * harmonic * since + phase) / harmonic**1.5
        drum = (since >= 0) * np.exp(-25 * np.maximum(since, 0))
        out += 1.5 * drum * (np.sin(2 * np.pi * 60 * since) if beat % 2 == 0 else dice.normal(0.0, 0.6, len(SECONDS)))
    loudest: float = np.abs(out).max()
    return out / loudest


SOUNDS = {
    "digital silence": np.zeros(len(SECONDS)),
    "a quiet line": NOISE * 0.001,
    "a loud hiss": NOISE * 0.05,
    "a dial tone": tone(350, 440) * 0.3,
    "the key 5": tone(770, 1336) * 0.3,
    "a held chord": tone(262, 330, 392) * 0.3,
    "a melody": melody(262, 330, 392, 523) * 0.2,
    "hold music": music() * 0.5,
    "soft hold music": music() * 0.05,
}


@pytest.mark.parametrize("hints", ["", "parcel, Northwind, Kowalczyk", DIGITS])
@pytest.mark.parametrize("sound", SOUNDS)
async def test_what_is_no_speech_has_no_words(speech: TritonSpeech, sound: str, hints: str) -> None:
    heard = await speech.recognize((SOUNDS[sound] * 32767).astype("<i2").tobytes(), hints=hints)
    assert heard.text == "" and heard.words == ()


@pytest.mark.parametrize("samples", [0, 1, 100])
async def test_next_to_no_audio_has_no_words(speech: TritonSpeech, samples: int) -> None:
    assert (await speech.recognize(b"\0\0" * samples)).text == ""


async def test_half_a_sample_is_refused_plainly(speech: TritonSpeech) -> None:
    with pytest.raises(SpeechRefusedError, match="3 bytes are no whole 16-bit samples"):
        await speech.recognize(b"\0\0\0")


async def test_requests_that_share_a_batch_hear_what_each_would_hear_alone(speech: TritonSpeech, flite: Flite) -> None:
    # Of unlike lengths, but none cut in a word: what such a stump is, is undecided, and padding changes the guess.
    spoken = [*(said for said, _ in SENTENCES), "I would like to speak"]
    audios = [resample(read_wav(flite(said)), SPEECH_RATE).data for said in spoken] + [b"\0\0" * SPEECH_RATE]
    alone = [(await speech.recognize(audio)).text for audio in audios]
    for _ in range(2):
        together = await asyncio.gather(*(speech.recognize(audio) for audio in audios))
        assert [words(heard.text) for heard in together] == [words(text) for text in alone]


async def test_the_pause_in_a_half_sentence_is_less_of_an_end_than_that_after_a_whole_one(
    speech: TritonSpeech, flite: Flite
) -> None:
    whole = ("I would like to speak to a person, please.", "My order number is four five six seven two one.")
    half = ("I would like to", "and then I wanted to", "Because the")

    async def verdict(said: str) -> float:
        audio = over_the_phone(resample(read_wav(flite(said)), SPEECH_RATE))
        return (await speech.end_probability(audio.data)).probability

    ended = [await verdict(said) for said in whole]
    going_on = [await verdict(said) for said in half]
    assert min(ended) > 0.5 > max(going_on), f"{ended} {going_on}"
