"""Speech begun before it is wanted: the first phrase of a speculative reply. A Speaker around a Speaker."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from voiceplane.call.mouth import Chunk, Source, Speaker
from voiceplane.call.pumped import Pumped


class RehearsedSpeaker:
    """A voice that may have begun already; it remembers one phrase."""

    def __init__(self, speaker: Speaker, tasks: asyncio.TaskGroup) -> None:
        """Rehearse with this voice in the call's task group."""
        self._speaker = speaker
        self._tasks = tasks
        self._text = ""
        self._speech: Pumped[Chunk] | None = None

    def rehearse(self, text: str) -> None:
        """Begin to synthesize a phrase unless it is the one that was begun."""
        if text == self._text or not text.strip():
            return
        self.forget()
        self._text = text
        self._speech = Pumped(self._chunks(text), self._tasks, "rehearsal")

    def forget(self) -> None:
        """Stop what was begun."""
        if self._speech is not None and not self._speech.finished:
            self._speech.cancel()
        self._text, self._speech = "", None

    async def speak(self, text: str, *, constant: bool) -> AsyncIterator[Chunk]:
        """Yield a phrase, from the rehearsal when it is that phrase."""
        if self._speech is not None and text == self._text:
            speech, self._speech, self._text = self._speech, None, ""
            try:
                async for chunk in speech.read():
                    cached = chunk.source is Source.CACHED
                    yield chunk if cached else replace(chunk, source=Source.REHEARSED)
            finally:
                if not speech.finished:
                    speech.cancel()
            return
        async for chunk in self._speaker.speak(text, constant=constant):
            yield chunk

    async def _chunks(self, text: str) -> AsyncGenerator[Chunk, None]:
        async for chunk in self._speaker.speak(text, constant=False):
            yield chunk
