"""Where a sound begins, ends or jumps, it is led over a few milliseconds, so that nothing clicks. Used by playout."""

import numpy as np

from voiceplane.media.tape import Samples


class Joins:
    """One call's outgoing sound, piece by piece; a fresh piece does not go on where the one before it ended."""

    def __init__(self) -> None:
        """Begin in silence."""
        self._last = 0.0  # the sample that left last
        self._lead_out = np.zeros(0)  # what still has to be mixed in so that the piece before ends at zero
        self._ramp = self._ramp_at = 0  # samples over which a fresh piece rises, and how many have

    def push(self, samples: Samples, *, fresh: bool, edge: int, ramp: int) -> Samples:
        """Return the piece as it leaves: a fresh one rises over `ramp` samples while the last ends over `edge`."""
        if not len(samples):
            return samples
        if fresh:
            self._lead_out = np.linspace(self._last, 0.0, edge) if self._last else np.zeros(0)
            self._ramp, self._ramp_at = ramp, 0
        rising = min(len(samples), self._ramp - self._ramp_at)
        ending = min(len(samples), len(self._lead_out))
        if rising or ending:
            out = samples.astype(np.float64)
            if rising:
                out[:rising] *= (self._ramp_at + np.arange(rising)) / self._ramp
                self._ramp_at += rising
            out[:ending] += self._lead_out[:ending]
            self._lead_out = self._lead_out[ending:]
            samples = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
        self._last = float(samples[-1])
        return samples
