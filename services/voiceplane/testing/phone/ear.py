"""What a caller who follows a script waits for, by the phone's own ear. Used by scenarios.play and bench.caller."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from voiceplane.runtime.clock import Clock
from voiceplane.testing.phone.errors import CallEnded, NoAgentAudio
from voiceplane.testing.phone.rtp import MediaStream

_POLL_S = 0.01  # half a packet time
_LOUD_PACKETS = 2  # two packets above the gate are speech, one may be a click


class Heard(Protocol):
    """An answered call, as far as it is listened to."""

    @property
    def media(self) -> MediaStream:
        """Return the sound of both sides."""
        ...

    @property
    def ended(self) -> bool:
        """Say whether the other side has hung up."""
        ...


class Ear:
    """Listens to one call. Each wait raises CallEnded when the agent hangs up, NoAgentAudio at its end."""

    def __init__(self, call: Heard, clock: Clock) -> None:
        """Listen from the call's beginning."""
        self._call, self._clock = call, clock
        self._mark = 0

    def mark(self) -> None:
        """Take what the agent says from now on as its answer."""
        self._mark = self._call.media.sounds

    def now_ms(self) -> float:
        """Return where the call stands on its recording."""
        return (self._clock.monotonic() - self._call.media.started_at) * 1000

    async def rest(self, seconds: float) -> None:
        """Let time pass."""
        until = self._clock.monotonic() + seconds
        await self._wait(lambda: self._clock.monotonic() >= until, seconds + 1.0, "the pause")

    async def speech(self, limit_s: float) -> None:
        """Wait until the agent has begun to answer."""
        media = self._call.media
        await self._wait(lambda: media.sounds >= self._mark + _LOUD_PACKETS, limit_s, "the agent to speak")

    async def quiet(self, seconds: float, limit_s: float) -> None:
        """Wait until the agent has been silent for so long."""
        media = self._call.media

        def quiet() -> bool:
            last = media.last_sound_at
            return last is None or self._clock.monotonic() - last >= seconds

        await self._wait(quiet, limit_s, "the agent to finish")

    async def _wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        deadline = self._clock.monotonic() + limit_s
        while not condition():
            if self._call.ended:
                raise CallEnded("the agent hung up")
            if self._clock.monotonic() > deadline:
                raise NoAgentAudio(f"waited {limit_s:.0f} s for {what}")
            await asyncio.sleep(_POLL_S)
