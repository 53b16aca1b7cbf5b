"""May new calls come in, and if not, why? One answer for SIP, grpc.health.v1 and /readyz, from start to drain."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from voiceplane.runtime.metrics import DRAINING
from voiceplane.sip.server import SipServer
from voiceplane.speech.cache import PhraseCache
from voiceplane.speech.errors import SpeechError, SpeechRefusedError
from voiceplane.speech.health import Look, SpeechWatch

log = logging.getLogger(__name__)
WARM_RETRY_S = 0.5
WATCH_AGAIN_S = 1.0  # after a fault of the watch itself
Tell = Callable[[bool], Awaitable[None]]


class Readiness:
    """What the doors of a gateway say. Closed until `begin` has returned, and again from `drain` on."""

    def __init__(self, sip: SipServer, look: Look, tell: Tell) -> None:
        """Close the SIP door for now; `look` asks the speech servers, `tell` sets grpc.health.v1."""
        self._sip, self._tell = sip, tell
        self._watch = SpeechWatch(look, self._speech_changed)
        self._waits_for: str | None = "it has not answered yet"
        sip.pause(True)

    @property
    def problem(self) -> str | None:
        """Say why no new call is taken now, if so."""
        if self._sip.draining:
            return "draining"
        if self._waits_for is not None:
            return f"waiting for speech: {self._watch.problem or self._waits_for}"
        return self._watch.problem

    async def begin(self, voices: dict[int, PhraseCache], phrases: tuple[str, ...]) -> None:
        """Wait for speech, synthesize the constant phrases and open. Raises SpeechRefusedError: no wait helps then."""
        await self._watch.begin()
        for voice in voices.values():
            await self._warm(voice, phrases)
        self._waits_for = None
        await self._say()

    async def _warm(self, voice: PhraseCache, phrases: tuple[str, ...]) -> None:
        while True:
            try:
                return await voice.warm(phrases)
            except SpeechRefusedError:
                raise
            except SpeechError as error:
                if self._waits_for != f"tts: {error}":
                    self._waits_for = f"tts: {error}"
                    log.warning("waiting for speech", extra={"reason": self.problem})
            await asyncio.sleep(WARM_RETRY_S)

    async def watch(self) -> None:
        """Follow the speech servers until cancelled. A fault in it is logged and leaves the latest verdict as it is."""
        while True:
            try:
                await self._watch.run()
            except asyncio.CancelledError:
                raise
            except Exception:  # this task's outermost edge: live calls do not depend on it
                log.exception("the watch over speech failed")
                await asyncio.sleep(WATCH_AGAIN_S)

    async def drain(self) -> None:
        """Refuse new calls for good: 503 with Retry-After, to OPTIONS too; NOT_SERVING; /readyz says draining."""
        self._sip.drain()
        DRAINING.set(1)
        await self._say()

    async def _speech_changed(self, problem: str | None) -> None:
        await self._say()

    async def _say(self) -> None:
        closed = self.problem is not None
        self._sip.pause(closed)
        await self._tell(not closed)
