"""Change the sample rate of a stream, piece by piece, with the same result as for the whole."""

import numpy as np
from scipy.signal import resample_poly

_CONTEXT_PERIODS = 2  # the filter reaches 10 output samples to each side: less than one period of 441


class RateChanger:
    """From `source` to `target` Hz; feed pieces, then finish."""

    def __init__(self, source, target):
        """Find the shortest period in which both rates have whole samples."""
        divisor = int(np.gcd(source, target))
        self._up, self._down = target // divisor, source // divisor
        self._same = source == target
        self._context = _CONTEXT_PERIODS * self._down * max(1, -(-64 // self._down))
        self._kept = np.zeros(0, np.float32)  # context, then what was not yet given out
        self._before = 0  # samples of context at the front

    def push(self, samples):
        """Return what is ready after these samples."""
        if self._same:
            return samples
        self._kept = np.concatenate([self._kept, samples])
        ready = len(self._kept) - self._before - self._context
        return self._out(ready // self._down * self._down) if ready > 0 else self._kept[:0]

    def finish(self):
        """Return the rest."""
        return self._kept[:0] if self._same else self._out(len(self._kept) - self._before)

    def _out(self, count):
        if count <= 0:
            return self._kept[:0]
        changed = resample_poly(self._kept, self._up, self._down)
        first = self._before * self._up // self._down
        result = changed[first : first + -(-count * self._up // self._down)]
        end = self._before + count
        start = max(0, end - self._context)
        self._kept, self._before = self._kept[start:], end - start
        return result.astype(np.float32)
