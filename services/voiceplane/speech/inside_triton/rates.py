"""Change the sample rate of a stream, piece by piece, with the same result as for the whole."""

import numpy as np

_CONTEXT_PERIODS = 2  # the filter reaches 10 output samples to each side: less than one period of 441
_REACH = 10  # samples of the lower rate that the filter sees to each side
_KAISER = 5.0  # the window's shape: what is outside of the lower rate's band is 54 dB down


class RateChanger:
    """From `source` to `target` Hz; feed pieces, then finish."""

    def __init__(self, source, target):
        """Find the shortest period in which both rates have whole samples."""
        divisor = int(np.gcd(source, target))
        self._up, self._down = target // divisor, source // divisor
        self._same = source == target
        self._context = _CONTEXT_PERIODS * self._down * max(1, -(-64 // self._down))
        self._phases = _phases(self._up, self._down)
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
        first = self._before * self._up // self._down
        result = self._changed(first, first + -(-count * self._up // self._down))
        end = self._before + count
        start = max(0, end - self._context)
        self._kept, self._before = self._kept[start:], end - start
        return result

    def _changed(self, first, last):
        """Return samples first..last at the new rate: each by the phase of the filter that falls on it."""
        wide = self._phases.shape[1]
        padded = np.concatenate([np.zeros(wide, np.float32), self._kept, np.zeros(wide, np.float32)])
        places = np.arange(first, last) * self._down
        starts = places // self._up - wide // 2 + 1 + wide
        windows = np.lib.stride_tricks.sliding_window_view(padded, wide)[starts]
        return np.einsum("ij,ij->i", windows, self._phases[places % self._up])


def _phases(up, down):
    """Return for each place between two source samples the weights of those around it, (up, an even number).

    A sinc that ends where the lower rate does, under a Kaiser window. scipy's resample_poly does the same; importing it
    takes three quarters of a second.
    """
    widest = max(up, down)
    half = _REACH * widest
    wide = 2 * (half // up + 1)
    place = np.arange(up)[:, None] + up * (wide // 2 - 1 - np.arange(wide))[None, :]  # from a weight's source sample
    inside = np.abs(place) <= half
    window = np.i0(_KAISER * np.sqrt(np.where(inside, 1 - (place / half) ** 2, 0.0)))
    weights = np.where(inside, np.sinc(place / widest) * window, 0.0)
    return (weights * up / weights.sum()).astype(np.float32)
