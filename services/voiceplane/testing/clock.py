"""Virtual time for tests."""


class ManualClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, start: float = 0.0) -> None:
        """Start at `start` seconds."""
        self._now = start

    def advance(self, seconds: float) -> float:
        """Move forward and return the new time."""
        self._now += seconds
        return self._now

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._now

    def wall_ns(self) -> int:
        """Return virtual nanoseconds."""
        return int(self._now * 1e9)
