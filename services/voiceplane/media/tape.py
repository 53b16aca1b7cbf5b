"""The sound of one turn of the agent by its position in samples: what waits, and a little of what has left. Pure."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


class Tape:
    """Samples from `start` to `end`."""

    def __init__(self, start: int = 0) -> None:
        """Begin empty."""
        self.start = start
        self._samples: Samples = np.zeros(0, dtype=np.int16)

    @property
    def end(self) -> int:
        """Return the position after the last sample."""
        return self.start + len(self._samples)

    def append(self, samples: Samples, *, keep_from: int) -> None:
        """Add samples; those before `keep_from` are not needed any more."""
        dropped = min(len(self._samples), max(0, keep_from - self.start))
        self._samples = np.concatenate([self._samples[dropped:], samples])
        self.start += dropped

    def read(self, position: int, count: int) -> Samples:
        """Return up to `count` samples from a position on."""
        at = position - self.start
        return self._samples[at : at + max(0, count)]

    def convert(self, convert: Callable[[bytes], bytes], ratio: float) -> None:
        """Follow a change of the sample rate."""
        data = convert(self._samples.astype("<i2").tobytes()) if len(self._samples) else b""
        self._samples = np.frombuffer(data, "<i2").astype(np.int16)
        self.start = round(self.start * ratio)
