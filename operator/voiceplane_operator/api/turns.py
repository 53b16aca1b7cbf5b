"""Turns at one API server: so many requests at once, and for how long the oldest has had no answer. Used by cluster."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """A bound on requests that go on; what waits for its turn is not asked yet, and counts as no slowness."""

    def __init__(self, most: int) -> None:
        """Let so many go on at once."""
        self._free = asyncio.Semaphore(most)
        self._taken: dict[object, float] = {}  # since when, the oldest first

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn and have it until the block ends."""
        async with self._free:
            this = object()
            self._taken[this] = asyncio.get_running_loop().time()
            try:
                yield
            finally:
                del self._taken[this]

    def oldest_s(self) -> float:
        """Return for how long the oldest request has gone on."""
        since = next(iter(self._taken.values()), None)
        return 0.0 if since is None else asyncio.get_running_loop().time() - since
