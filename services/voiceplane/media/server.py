"""The media side of a gateway: the range of ports and the one pacer. Opens a MediaSession per call."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator

from voiceplane.contract.audio import FRAME_MS
from voiceplane.media.pacer import Lateness, Pacer
from voiceplane.media.ports import MediaSettings
from voiceplane.media.ports_pool import PortPool
from voiceplane.media.session import MediaSession
from voiceplane.runtime.clock import Clock

__all__ = ["MediaServer", "MediaSettings"]

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005  # the pacer's thread must not wait 5 ms (Python's default) for the event loop's bytecode


class MediaServer:
    """Owns ports and pacer for the life of the process."""

    def __init__(self, settings: MediaSettings, clock: Clock) -> None:
        """Prepare; `running()` starts the pacer."""
        self._settings = settings
        self._clock = clock
        self._pacer = Pacer(clock)
        self._sessions: set[MediaSession] = set()
        self._pool = PortPool(
            settings.host, first=settings.first_port, last=settings.last_port, quarantine_s=settings.quarantine_s
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["MediaServer"]:
        """Run the pacer until the block ends."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._pacer.start()
        ticking = asyncio.create_task(self._tick(), name="media-tick")
        try:
            yield self
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            self._pacer.stop()
            sys.setswitchinterval(before)

    @contextlib.asynccontextmanager
    async def open_session(self) -> AsyncIterator[MediaSession]:
        """Take a pair of ports for one call; PortsExhaustedError when there is none."""
        pair = self._pool.take(self._clock.monotonic())
        session = MediaSession(pair, self._pacer, self._clock, self._settings)
        self._sessions.add(session)
        try:
            yield session
        finally:
            self._sessions.discard(session)
            await session.close()
            self._pool.release(pair, self._clock.monotonic())

    def advertised(self, session: MediaSession) -> tuple[str, int]:
        """Return the address that SDP names for this session."""
        return self._settings.advertised_host, session.port

    def lateness(self) -> Lateness:
        """Return how late packets left since the start."""
        return self._pacer.lateness()

    async def _tick(self) -> None:
        """Let every session notice that time passes: one wake-up for all of them."""
        while True:
            await asyncio.sleep(FRAME_MS / 1000)
            now = self._clock.monotonic()
            for session in tuple(self._sessions):
                try:
                    session.tick(now)
                except Exception:  # one call's defect must not stop the others' clocks
                    log.exception("a media session failed in its tick")
