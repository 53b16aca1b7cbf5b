"""The clock of a conversation: it stands still while the caller keeps us on hold. Set by call.loop, read by the rest.

So silence on hold is not asked about, no turn ends by it, and nobody runs out of patience: whatever is counted goes on
after the hold where it was.
"""

import asyncio
from collections import deque

from voiceplane.runtime.clock import Clock

HOLDS_KEPT = 64  # the newest, to date what came before them; a caller holds a few times


class CallClock:
    """Time without the holds of one call; a Clock for all that belongs to the conversation."""

    def __init__(self, clock: Clock) -> None:
        """Run with this clock."""
        self._clock = clock
        self._held_at: float | None = None
        self._away_s = 0.0  # of all holds that are over
        self._holds: deque[tuple[float, float]] = deque(maxlen=HOLDS_KEPT)  # from, until
        self._running, self._standing = asyncio.Event(), asyncio.Event()
        self._running.set()

    @property
    def held(self) -> bool:
        """Say whether it stands still."""
        return self._held_at is not None

    def follow(self, *, held: bool) -> bool:
        """Stand still on hold and go on after it; say whether that is a change."""
        now = self._clock.monotonic()
        if held == (self._held_at is not None):
            return False
        if held:
            self._held_at = now
            self._running.clear()
            self._standing.set()
            return True
        assert self._held_at is not None
        self._holds.append((self._held_at, now))
        self._away_s += now - self._held_at
        self._held_at = None
        self._standing.clear()
        self._running.set()
        return True

    def monotonic(self) -> float:
        """Return seconds of conversation."""
        return (self._clock.monotonic() if self._held_at is None else self._held_at) - self._away_s

    def wall_ns(self) -> int:
        """Return the wall clock, which no hold stops."""
        return self._clock.wall_ns()

    def moment(self, at: float) -> float | None:
        """Bring a time of the media to the conversation's; None for one on hold."""
        if self._held_at is not None and at >= self._held_at:
            return None
        away_s = self._away_s
        for began, ended in reversed(self._holds):
            if at >= ended:
                break
            if at >= began:
                return None
            away_s -= ended - began
        return at - away_s

    def wall_ns_at(self, moment: float) -> int:
        """Say when a moment of the conversation was, for the record."""
        away_s = self._away_s
        for began, ended in reversed(self._holds):
            if moment >= began - (away_s - (ended - began)):
                break
            away_s -= ended - began
        return self._clock.wall_ns() - int((self._clock.monotonic() - moment - away_s) * 1e9)

    async def sleep(self, seconds: float) -> None:
        """Let so much of the conversation pass."""
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            await asyncio.sleep(left)
            await self._running.wait()

    async def held_for(self, longest_s: float) -> None:
        """Return when one hold has lasted so long."""
        while True:
            await self._standing.wait()
            try:
                async with asyncio.timeout(longest_s):
                    await self._running.wait()
            except TimeoutError:
                return
