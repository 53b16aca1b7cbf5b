"""The caller's voice and a second pair of ears for `voiceplane call`: flite, or Triton when a stack runs."""

import asyncio
import contextlib
import shutil
import tempfile
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import numpy as np

from voiceplane.contract.audio import SPEECH_RATE, Pcm
from voiceplane.speech.client import SpeechDeadlines, TritonSpeech
from voiceplane.speech.errors import SpeechError
from voiceplane.testing.phone.pieces import pieces

_FLITE_TIMEOUT_S = 20.0
# No caller waits for these words.
PATIENT = SpeechDeadlines(recognize_s=60.0, again_s=60.0, first_chunk_s=60.0, next_chunk_s=60.0)


class VoiceUnavailableError(Exception):
    """There is nothing to speak with; the message says how to get a voice."""


class CallerVoice(Protocol):
    """Speech for the caller's side."""

    @property
    def about(self) -> str:
        """Name the voice for people."""
        ...

    async def speak(self, text: str) -> Pcm:
        """Turn words into samples; VoiceUnavailableError."""
        ...


class TritonVoice:
    """A voice of the speech profile."""

    def __init__(self, speech: TritonSpeech, voice: str) -> None:
        """Speak with this voice."""
        self._speech, self._voice = speech, voice
        self.about = f"{voice} by Triton"

    async def speak(self, text: str) -> Pcm:
        """Collect the chunks of a sentence."""
        try:
            chunks = [
                chunk.pcm.data async for chunk in self._speech.synthesize(text, self._voice, sample_rate=SPEECH_RATE)
            ]
        except SpeechError as error:
            raise VoiceUnavailableError(str(error)) from error
        return Pcm(b"".join(chunks), SPEECH_RATE)


class FliteVoice:
    """Flite as a separate program. Its voice `rms`, a man of CMU's recordings, is clear on a phone line."""

    def __init__(self, voice: str = "rms", *, stretch: float = 1.0) -> None:
        """Speak with one of flite's voices, slower where `stretch` is over 1; none of them is an agent's."""
        self._voice, self._stretch = voice, stretch
        self.about = f"flite {voice}"

    async def speak(self, text: str) -> Pcm:
        """Run flite once on words; they go in by a file, so none can be an option."""
        return await self._run(words=text)

    async def phones(self, phones: str) -> Pcm:
        """Run flite once on its own phones, such as "m hh m" for a sound that no spelling gives."""
        return await self._run(phones=phones)

    async def _run(self, *, words: str = "", phones: str = "") -> Pcm:
        program = shutil.which("flite")
        if program is None:
            raise VoiceUnavailableError("no voice for --say: apt-get install flite")
        with tempfile.TemporaryDirectory(prefix="voiceplane-say-") as folder:
            text, speech = Path(folder) / "words.txt", Path(folder) / "speech.wav"
            text.write_text(words)
            what = ("-p", f"pau {phones} pau") if phones else ("-f", str(text))
            process = await asyncio.create_subprocess_exec(
                program,
                *("-voice", self._voice, "--setf", f"duration_stretch={self._stretch}", *what, "-o", str(speech)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(_FLITE_TIMEOUT_S):
                    await process.wait()
            except TimeoutError as error:
                raise VoiceUnavailableError(f"flite took more than {_FLITE_TIMEOUT_S:.0f} s") from error
            finally:
                await _ended(process)
            if process.returncode or not speech.exists():
                raise VoiceUnavailableError(f"flite failed with status {process.returncode}")
            with wave.open(str(speech)) as recording:
                return Pcm(recording.readframes(recording.getnframes()), recording.getframerate())


@contextlib.asynccontextmanager
async def open_speech(endpoint: str | None) -> AsyncIterator[TritonSpeech | None]:
    """Connect to Triton; None without an endpoint or when its models are not ready."""
    if endpoint is None:
        yield None
        return
    async with TritonSpeech((endpoint,), PATIENT) as speech:
        ready = await speech.health()
        yield speech if ready["tts"] and ready["asr"] else None


async def choose_voice(speech: TritonSpeech | None, wanted: str | None) -> CallerVoice:
    """Choose the caller's voice: the `wanted` one, else flite's best; VoiceUnavailableError names those there are.

    Flite's voices go first, because an agent has none of them: two people who talk are told apart.
    """
    flite = await _flite_voices()
    if flite and wanted in (None, *flite):
        return FliteVoice(wanted) if wanted is not None else FliteVoice()
    served = await _served_voices(speech) if speech is not None else ()
    if speech is not None and served and wanted in (None, *served):
        return TritonVoice(speech, wanted or served[0])
    if wanted is None:
        raise VoiceUnavailableError("no voice for --say: apt-get install flite")
    voices = [*(f"{name} (Triton)" for name in served), *(f"{name} (flite)" for name in flite)]
    there = ", ".join(voices) or "none: apt-get install flite"
    more = "" if speech is not None else "; a running stack has more: voiceplane dev agent.yaml"
    raise VoiceUnavailableError(f"no voice {wanted!r} here; there are {there}{more}")


async def _served_voices(speech: TritonSpeech) -> tuple[str, ...]:
    """Return the voices that Triton says it has."""
    return tuple(dict.fromkeys(name for server in await speech.look() for name, _ in server.model("tts").digests))


async def _flite_voices() -> tuple[str, ...]:
    """Return the voices that say any words (`awb_time` says only the time); none where there is no flite."""
    program = shutil.which("flite")
    if program is None:
        return ()
    process = await asyncio.create_subprocess_exec(
        program, "-lv", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_FLITE_TIMEOUT_S):
            out, _ = await process.communicate()
    except TimeoutError as error:
        raise VoiceUnavailableError(f"flite took more than {_FLITE_TIMEOUT_S:.0f} s") from error
    finally:
        await _ended(process)
    return tuple(name for name in out.decode().partition(":")[2].split() if not name.endswith("_time"))


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind when its time is up or we are cancelled."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def transcribe(speech: TritonSpeech, audio: Pcm) -> str:
    """Recognize a stretch of 16 kHz speech, cut into pieces that the recognizer reads whole."""
    samples = np.frombuffer(audio.data, "<i2")
    texts = [
        (await speech.recognize(samples[piece.start : piece.end].tobytes())).text
        for piece in pieces(samples, audio.sample_rate)
    ]
    return " ".join(text.strip() for text in texts if text.strip())
