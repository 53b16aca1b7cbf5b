"""Wait in tests for what has no event of its own: another process, a thread, a file, a ledger."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
EVERY_S = 0.02


async def until(true: Callable[[], T | None], *, within_s: float = 10.0) -> T:
    """Wait until something holds and return it; TimeoutError when it does not come to that."""
    async with asyncio.timeout(within_s):
        while not (found := true()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(EVERY_S)
    return found


async def until_told(true: Callable[[], Awaitable[T | None]], *, within_s: float = 10.0) -> T:
    """Wait like until() for what has to be asked for."""
    async with asyncio.timeout(within_s):
        while not (found := await true()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(EVERY_S)
    return found
