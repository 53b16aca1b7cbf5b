"""Turn SIGTERM and SIGINT into an event that a process waits for."""

import asyncio
import signal


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; a second signal does not kill, the grace period does."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
