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
) -> T:
    """Await `work`; say the bridge, then the trouble phrase while it lasts; OutOfPatienceError when it never ends."""
    task = asyncio.create_task(work, name="bridged")
    try:
        waited = 0.0
        for until_s, say in ((patience.bridge_s, say_bridge), (patience.trouble_s, say_trouble)):
            done, _ = await asyncio.wait({task}, timeout=until_s - waited)
            waited = until_s
            if done:
                return task.result()
            await say()
        done, _ = await asyncio.wait({task}, timeout=patience.give_up_s - waited)
        if done:
            return task.result()
        raise OutOfPatienceError(f"no answer within {patience.give_up_s:g} s")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


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
