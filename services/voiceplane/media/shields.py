"""What of the agent's turn may not be interrupted, by position in samples: phrases, or their beginnings. Pure."""

import math

MAX_SHIELDS = 256  # phrases of one turn; a planner that says more is cut before


class Shields:
    """Stretches of one turn; the last may still be open: its phrase is being synthesized."""

    def __init__(self) -> None:
        """Begin with none."""
        self._spans: list[tuple[float, float]] = []
        self._opened: tuple[int, int | None] | None = None

    def open(self, at: int, length: int | None) -> None:
        """Shield from a position on: so many samples, or all (None) until close(); what was open ends here."""
        self.close(at)
        self._opened = (at, length)

    def close(self, at: int) -> None:
        """End the open shield where its phrase ends."""
        if self._opened is None:
            return
        start, length = self._opened
        self._opened = None
        self._spans = [*self._spans[-MAX_SHIELDS + 1 :], (start, at if length is None else min(at, start + length))]

    def clear(self) -> None:
        """Forget all: another turn."""
        self._spans, self._opened = [], None

    def scale(self, ratio: float) -> None:
        """Follow a change of the sample rate."""
        self._spans = [(start * ratio, end * ratio) for start, end in self._spans]
        if self._opened is not None:
            start, length = self._opened
            self._opened = round(start * ratio), None if length is None else round(length * ratio)

    def left(self, at: float) -> float:
        """Return how many samples after a position are shielded; infinity while nobody knows; 0: none."""
        end = at
        for start, stop in self._spans:
            if start <= end < stop:
                end = stop
        if self._opened is not None:
            start, length = self._opened
            if start <= end and (length is None or end < start + length):
                return math.inf if length is None else start + length - at
        return end - at
