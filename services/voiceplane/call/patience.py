"""Wait for another process without leaving the caller in silence: a bridging phrase, then honest words, then an end."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before each word to the caller, in seconds from the start of the wait."""

    bridge_s: float = 1.5
    trouble_s: float = 9.0
    give_up_s: float = 40.0  # a speech server needs about 10 s to come back
    tool_bridge_s: float = 0.8
    tool_progress_s: float = 6.0


class OutOfPatienceError(Exception):
    """A process did not answer in all the time a caller can be asked to wait."""


async def bridged(
    work: Coroutine[Any, Any, T],
    *,
    patience: Patience,
    say_bridge: Callable[[], Awaitable[None]],
    say_trouble: Callable[[], Awaitable[None]],
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
) -> T:
    """Await `work`; say the bridge, then the trouble phrase while it lasts; OutOfPatienceError when it never ends.

    `sleep` is how long waiting lasts for the caller: less than it seems when the call is on hold.
    """
    task = asyncio.create_task(work, name="bridged")
    try:
        waited = 0.0
        for until_s, say in ((patience.bridge_s, say_bridge), (patience.trouble_s, say_trouble)):
            if await _done_within(task, sleep(until_s - waited)):
                return task.result()
            waited = until_s
            await say()
        if await _done_within(task, sleep(patience.give_up_s - waited)):
            return task.result()
        raise OutOfPatienceError(f"no answer within {patience.give_up_s:g} s")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _done_within(task: "asyncio.Task[T]", sleeping: Coroutine[Any, Any, None]) -> bool:
    over = asyncio.create_task(sleeping, name="patience")
    try:
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        return task.done()
    finally:
        over.cancel()
        await asyncio.gather(over, return_exceptions=True)


async def retried(
    attempt: Callable[[], Coroutine[Any, Any, T]],
    *,
    on: tuple[type[Exception], ...],
    give_up_s: float,
    first_wait_s: float = 0.1,
) -> T:
    """Run `attempt` until it raises none of `on`; waits double up to 1 s; after give_up_s the last error leaves."""
    loop = asyncio.get_running_loop()
    deadline, wait_s = loop.time() + give_up_s, first_wait_s
    while True:
        try:
            return await attempt()
        except on:
            if loop.time() + wait_s > deadline:
                raise
            await asyncio.sleep(wait_s)
            wait_s = min(1.0, wait_s * 2)
