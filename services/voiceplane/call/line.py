"""Adapters between the mouth and the rest: a media session as Playout, a phrase cache as Speaker."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import inf

from voiceplane.call.mouth import Chunk, Source
from voiceplane.call.shields import Shield
from voiceplane.media.session import MediaSession
from voiceplane.runtime.clock import Clock
from voiceplane.speech.cache import PhraseCache
from voiceplane.speech.errors import SpeechTimedOutError, SpeechUnavailableError

RETRY_S = 0.3
PATIENCE_S = 20.0  # from a first failure to the last new try: a speech server needs about 8 to come back


class SessionPlayout:
    """The caller's line."""

    def __init__(self, session: MediaSession) -> None:
        """Play into this session."""
        self._session = session

    async def play(self, chunk: Chunk) -> None:
        """Queue speech."""
        await self._session.play(chunk.pcm, chunk.words)

    async def drained(self) -> None:
        """Wait until all of it has left."""
        await self._session.drained()

    def clear(self) -> None:
        """Fade out."""
        self._session.clear()

    def suspend(self) -> None:
        """Fade out, keep the rest."""
        self._session.suspend()

    def resume(self) -> None:
        """Go on."""
        self._session.resume()

    def begin(self) -> None:
        """Start a turn in the ledger."""
        self._session.begin()

    def remaining_s(self) -> float:
        """Return the seconds that have not left."""
        return self._session.playout.queued_s

    def shield(self, shield: Shield) -> None:
        """Shield what is queued from here on."""
        self._session.playout.shield(shield.first_ms, of_turn=shield.of_turn)

    def unshield(self) -> None:
        """End the shield."""
        self._session.playout.unshield()

    def heard(self) -> str:
        """Return what was heard of the turn."""
        return self._session.heard().text


class PatientSpeaker:
    """A voice that waits for the speech server to come back and goes on after the last word it brought."""

    def __init__(self, voice: PhraseCache, clock: Clock) -> None:
        """Speak with this voice; the clock bounds the patience."""
        self._voice = voice
        self._clock = clock

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        """Yield a phrase; the last error leaves when the server stays away for PATIENCE_S."""
        words, spoken, give_up_at = text.split(), 0, inf
        while spoken < len(words) or not words:
            rest = " ".join(words[spoken:])
            try:
                async with aclosing(self._voice.speak(rest)) as chunks:
                    async for chunk in chunks:
                        spoken, give_up_at = spoken + len(chunk.words), inf
                        if chunk.cached:
                            yield Chunk(chunk.pcm, chunk.words, Source.CACHED)
                        else:
                            yield Chunk(chunk.pcm, chunk.words, synthesis_ms=chunk.timing.total_ms)
                return
            except (SpeechUnavailableError, SpeechTimedOutError):
                now = self._clock.monotonic()
                give_up_at = min(give_up_at, now + PATIENCE_S)
                if now >= give_up_at:
                    raise
                await asyncio.sleep(RETRY_S)
