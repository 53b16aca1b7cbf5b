"""Run a convolutional network over a phrase window by window, as far as it is wanted. Used by voice. Pure.

What a frame becomes depends on its neighbours only: with enough of them on both sides, pieces equal the whole.
"""

import numpy as np


class Unrolled:
    """One network's output for one phrase, made in steps from its beginning."""

    def __init__(self, run, source, *, context, step):
        """Run `run` (1, n, frames) -> (1, m, frames) over `source`, `step` frames a time, `context` beside them."""
        self._run = run
        self._source = source
        self._context = context
        self._step = step
        self._made = []
        self._count = 0
        self.total = source.shape[2]

    def until(self, last):
        """Return the output of frames 0..last (of as many as there are), the missing ones made now."""
        last = min(last, self.total)
        while self._count < last:
            self._make(last if not self._made else min(self.total, max(last, self._count + self._step)))
        if len(self._made) > 1:
            self._made = [np.concatenate(self._made, axis=2)]
        return self._made[0]

    def _make(self, last):
        if self.total - last <= 2 * self._context:  # a further step would run over little else than context
            last = self.total
        before = min(self._count, self._context)
        window = self._source[:, :, self._count - before : last + self._context]
        self._made.append(self._run(window)[:, :, before : before + last - self._count])
        self._count = last
