"""Turn SIGTERM and SIGINT into an event that a process waits for, or into the end of its work."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; a second signal does not kill, the grace period does."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def unless_stopped(work: Coroutine[Any, Any, T], *, stopping: Callable[[], None] = lambda: None) -> T | None:
    """Return what comes of the work; a signal cancels it, and None is returned when it has cleaned up after itself."""
    stop = stop_event()
    working = asyncio.create_task(work, name="work")
    signalled = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({working, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        stopping()
        return None
    finally:
        working.cancel()
        signalled.cancel()
        await asyncio.gather(working, signalled, return_exceptions=True)
