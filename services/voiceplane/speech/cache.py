"""Constant phrases are synthesized once per voice and kept: in memory for the process, on disk for the next one."""

import hashlib
import json
import os
import tempfile
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.speech.ports import InferenceTiming, SpeechChunk, Synthesizer

SYNTHESIS = 6  # of inside_triton/voice.py: raise it when the same model speaks differently
_FROM_CACHE = InferenceTiming(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """A voice by name and by the digest of its model, at one rate and speed."""

    name: str
    digest: str
    sample_rate: int
    speed: float = 1.0


class PhraseCache:
    """A voice with a memory for constant phrases."""

    def __init__(self, synthesizer: Synthesizer, voice: VoiceChoice, folder: Path) -> None:
        """Keep phrases below `folder`."""
        self._synthesizer = synthesizer
        self._voice = voice
        self._folder = folder / "phrases"
        self._memory: dict[str, tuple[SpeechChunk, ...]] = {}

    async def warm(self, phrases: Iterable[str]) -> None:
        """Synthesize what is not there yet: an agent's own constant phrases, so the memory is bounded by its size."""
        for phrase in phrases:
            if self._recall(phrase) is None:
                chunks = [chunk async for chunk in self._synthesize(phrase)]
                self._keep(phrase, tuple(chunks))

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk, None]:
        """Yield a phrase from memory, or synthesize it anew."""
        known = self._recall(text)
        if known is not None:
            for chunk in known:
                yield replace(chunk, cached=True)
            return
        async with aclosing(self._synthesize(text)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _synthesize(self, text: str) -> AsyncGenerator[SpeechChunk, None]:
        voice = self._voice
        return self._synthesizer.synthesize(text, voice.name, sample_rate=voice.sample_rate, speed=voice.speed)

    def _path(self, text: str) -> Path:
        voice = self._voice
        key = json.dumps([SYNTHESIS, voice.digest, voice.sample_rate, voice.speed, text])
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:32]

    def _recall(self, text: str) -> tuple[SpeechChunk, ...] | None:
        if text not in self._memory:
            path = self._path(text)
            try:
                heads = json.loads(path.with_suffix(".json").read_text())
                audio = path.with_suffix(".pcm").read_bytes()
            except (OSError, ValueError):
                return None
            chunks, offset = [], 0
            for length, words in heads:
                pcm = Pcm(audio[offset : offset + length], self._voice.sample_rate)
                chunks.append(SpeechChunk(pcm, tuple(WordTime(*word) for word in words), _FROM_CACHE))
                offset += length
            if offset != len(audio):
                return None
            self._memory[text] = tuple(chunks)
        return self._memory[text]

    def _keep(self, text: str, chunks: tuple[SpeechChunk, ...]) -> None:
        self._memory[text] = chunks
        self._folder.mkdir(parents=True, exist_ok=True)
        heads = [[len(c.pcm.data), [[w.text, w.start_ms, w.end_ms] for w in c.words]] for c in chunks]
        path = self._path(text)
        _write_whole(path.with_suffix(".pcm"), b"".join(chunk.pcm.data for chunk in chunks))
        _write_whole(path.with_suffix(".json"), json.dumps(heads).encode())


def _write_whole(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old file or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)
