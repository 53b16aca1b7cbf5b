"""The only place that reads time. Pure parts take `now`; shells take a Clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks that are never mixed: one for intervals, one for records."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards: for deadlines and durations."""
        ...

    def wall_ns(self) -> int:
        """Return nanoseconds since the Unix epoch: for records and spans only."""
        ...


class SystemClock:
    """The clock of a running process."""

    def monotonic(self) -> float:
        """Return CLOCK_MONOTONIC in seconds, the clock of asyncio's loop."""
        return time.monotonic()

    def wall_ns(self) -> int:
        """Return the wall clock in nanoseconds."""
        return time.time_ns()
