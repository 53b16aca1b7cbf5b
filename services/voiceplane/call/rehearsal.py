"""Speech begun before it is wanted: the first phrase of a speculative reply. A Speaker around a Speaker."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from voiceplane.call.mouth import Chunk, Source, Speaker
from voiceplane.call.pumped import Pumped
from voiceplane.call.waste import Waste, Work


class RehearsedSpeaker:
    """A voice that may have begun already; it remembers one phrase."""

    def __init__(self, speaker: Speaker, tasks: asyncio.TaskGroup, waste: Waste) -> None:
        """Rehearse with this voice in the call's task group; what was synthesized for nothing is counted."""
        self._speaker = speaker
        self._tasks = tasks
        self._waste = waste
        self._text = ""
        self._speech: Pumped[Chunk] | None = None

    def rehearse(self, text: str) -> None:
        """Begin to synthesize a phrase unless it is the one that was begun."""
        self.forget(unless=text)
        if self._speech is None and text.strip():
            self._text = text
            self._speech = Pumped(self._speaker.speak(text, constant=False), self._tasks, "rehearsal")

    def forget(self, *, unless: str = "") -> None:
        """Stop what was begun, unless it is this phrase."""
        speech = self._speech
        if speech is None or self._text == unless:
            return
        self._speech = None
        if not speech.finished:
            speech.cancel()
        chunks = speech.so_far
        if not chunks or chunks[0].source is not Source.CACHED:
            self._waste.add(Work.CHARACTERS, len(self._text))
            self._waste.add(Work.AUDIO_MS, sum(chunk.pcm.duration_ms for chunk in chunks))

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        """Yield a phrase, from the rehearsal when it is that phrase."""
        if self._speech is not None and text == self._text:
            speech, self._speech = self._speech, None
            try:
                async for chunk in speech.read():
                    cached = chunk.source is Source.CACHED
                    yield chunk if cached else replace(chunk, source=Source.REHEARSED)
            finally:
                if not speech.finished:
                    speech.cancel()
            return
        async with aclosing(self._speaker.speak(text, constant=constant)) as chunks:
            async for chunk in chunks:
                yield chunk
