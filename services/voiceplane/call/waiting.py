"""Wait for whatever comes first, and keep what comes beside it for the next time. Used by call.talk. Pure of speech."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Source = Callable[[], Coroutine[Any, Any, T]]


class Waiting(Generic[T]):
    """Takes one result at a time from its sources, the first named first; none that came is lost."""

    def __init__(self, sources: Mapping[str, Source[T]]) -> None:
        """Wait for these; a source is asked again when its last result was taken."""
        self._sources = sources
        self._asked: dict[str, asyncio.Task[T]] = {}

    async def next(self, passing: Coroutine[Any, Any, T] | None = None) -> T:
        """Return what comes first; `passing` is waited for this once, after the others, and given up then."""
        for name, source in self._sources.items():
            if name not in self._asked:
                self._asked[name] = asyncio.create_task(source(), name=name)
        extra = [asyncio.create_task(passing, name="passing")] if passing is not None else []
        try:
            await asyncio.wait([*self._asked.values(), *extra], return_when=asyncio.FIRST_COMPLETED)
            for name in self._sources:
                if self._asked[name].done():
                    return self._asked.pop(name).result()
            return extra[0].result()
        finally:
            await _stop(extra)

    def forget(self, *names: str) -> None:
        """Drop what has come from these sources and was not taken."""
        for name in names:
            if name in self._asked and self._asked[name].done():
                self._asked.pop(name).exception()

    async def close(self) -> None:
        """Wait no longer."""
        asked, self._asked = list(self._asked.values()), {}
        await _stop(asked)


async def _stop(tasks: list[asyncio.Task[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
