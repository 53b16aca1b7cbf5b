"""The media side of a gateway: the range of ports and the one pacer. Opens a MediaSession per call."""

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from voiceplane.media.pacer import Lateness, Pacer
from voiceplane.media.ports_pool import PortPool
from voiceplane.media.session import MediaSession
from voiceplane.runtime.clock import Clock

SWITCH_INTERVAL_S = 0.0005  # the pacer's thread must not wait 5 ms (Python's default) for the event loop's bytecode


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media is received. `advertised_host` is what SDP says: a node's or pod's address."""

    host: str = "127.0.0.1"
    advertised_host: str = "127.0.0.1"
    first_port: int = 20000
    last_port: int = 20999
    quarantine_s: float = 30.0
    timeout_s: float = 30.0


class MediaServer:
    """Owns ports and pacer for the life of the process."""

    def __init__(self, settings: MediaSettings, clock: Clock) -> None:
        """Prepare; `running()` starts the pacer."""
        self._settings = settings
        self._clock = clock
        self._pacer = Pacer()
        self._pool = PortPool(
            settings.host, first=settings.first_port, last=settings.last_port, quarantine_s=settings.quarantine_s
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["MediaServer"]:
        """Run the pacer until the block ends."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._pacer.start()
        try:
            yield self
        finally:
            self._pacer.stop()

    @contextlib.asynccontextmanager
    async def open_session(self) -> AsyncIterator[MediaSession]:
        """Take a pair of ports for one call; PortsExhaustedError when there is none."""
        pair = self._pool.take(self._clock.monotonic())
        session = MediaSession(pair, self._pacer, self._clock, timeout_s=self._settings.timeout_s)
        try:
            yield session
        finally:
            await session.close()
            self._pool.release(pair, self._clock.monotonic())

    def advertised(self, session: MediaSession) -> tuple[str, int]:
        """Return the address that SDP names for this session."""
        return self._settings.advertised_host, session.port

    def lateness(self) -> Lateness:
        """Return how late packets left since the start."""
        return self._pacer.lateness()
