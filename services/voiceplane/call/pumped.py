"""An async iterator that runs ahead of its reader: what speculation and rehearsal are made of. Used by call.replies."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Pumped(Generic[T]):
    """Runs a generator as a task of the call; what it brought waits for the reader. An error is kept for the reader.

    The buffer is bounded by its source: one phrase of speech, or one reply.
    """

    def __init__(self, source: AsyncGenerator[T, None], tasks: asyncio.TaskGroup, name: str) -> None:
        """Begin at once."""
        self._source = source
        self._items: list[T] = []
        self._changed = asyncio.Event()
        self._error: Exception | None = None
        self.finished = False
        self._task = tasks.create_task(self._pump(), name=name)

    async def _pump(self) -> None:
        try:
            async with contextlib.aclosing(self._source) as source:
                async for item in source:
                    self._items.append(item)
                    self._changed.set()
        except Exception as error:  # the reader's to raise, if there ever is a reader
            self._error = error
        finally:
            self.finished = True
            self._changed.set()

    @property
    def so_far(self) -> tuple[T, ...]:
        """Return what came until now."""
        return tuple(self._items)

    async def read(self, *, skip: int = 0) -> AsyncIterator[T]:
        """Yield everything from the beginning but the first `skip`, then what comes; raises what the source raised."""
        index = skip
        while True:
            while index < len(self._items):
                yield self._items[index]
                index += 1
            if self.finished:
                if self._error is not None:
                    raise self._error
                return
            self._changed.clear()
            await self._changed.wait()

    async def done(self) -> None:
        """Wait until the source has ended, well or not."""
        await asyncio.wait({self._task})

    def cancel(self) -> None:
        """Stop the source; its own clean-up tells the other process."""
        self._task.cancel()
