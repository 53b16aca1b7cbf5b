"""Comfort noise: what a caller hears while nobody speaks, so that the line does not seem dead. Used by playout."""

import numpy as np

from voiceplane.media.tape import Samples

FRAMES = 64  # of noise, again and again: 1.3 s, too long for an ear to find the repetition


class ComfortNoise:
    """The same noise in every call, read piece by piece."""

    def __init__(self, level: float, frame_samples: int) -> None:
        """Make it; `level` is its standard deviation in steps of 16 bit, 0 is dead air."""
        self._noise: Samples = np.random.default_rng(1).normal(0.0, level, FRAMES * frame_samples).astype(np.int16)
        self._at = 0

    def next(self, count: int) -> Samples:
        """Return so many samples, at most a frame."""
        if self._at + count > len(self._noise):
            self._at = 0
        start = self._at
        self._at += count
        return self._noise[start : start + count]
