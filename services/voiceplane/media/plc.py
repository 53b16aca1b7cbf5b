"""Sound for packets that never came: the last pitch period goes on, then fades. Pure; asked by receive.

In the manner of ITU-T G.711 appendix I: the pitch is found by correlation, its last period is repeated with overlaps so
that no seam clicks, the level falls from 10 ms on and is zero after 60 ms; the first true frame fades in over the rest.
"""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

PITCH_MIN_S, PITCH_MAX_S = 0.005, 0.015  # 66 to 200 Hz, as appendix I searches
HISTORY_S = 0.045
FULL_S, GONE_S = 0.010, 0.060  # full level until, silent from
JOIN_S = 0.004  # overlap between made and true sound


class Concealer:
    """The recent sound of one stream at one rate."""

    def __init__(self, sample_rate: int) -> None:
        """Start after silence."""
        self._rate = sample_rate
        self._history: Samples = np.zeros(int(sample_rate * HISTORY_S), np.float32)
        self._period: Samples | None = None  # what is repeated in the current gap
        self._step = 0.0  # from the period's expected predecessor to the true last sample; decays at the gap's start
        self._made = 0  # samples made up in the current gap

    def heard(self, pcm: bytes) -> bytes:
        """Take true sound; return it, joined to the made-up sound before it if there was a gap."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        if self._period is not None:
            count = min(len(samples), int(self._rate * JOIN_S))
            ramp = np.linspace(0.0, 1.0, count, endpoint=False, dtype=np.float32)
            samples[:count] = samples[:count] * ramp + self._extend(count) * (1 - ramp)
            pcm = np.rint(samples).astype("<i2").tobytes()
            self._period, self._made = None, 0
        self._remember(samples)
        return pcm

    def conceal(self, count: int) -> bytes:
        """Make up `count` samples."""
        if self._period is None:
            self._period = self._last_period()
        made = self._extend(count)
        self._remember(made)
        return np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes()

    def _extend(self, count: int) -> Samples:
        assert self._period is not None
        places = self._made + np.arange(count)
        self._made += count
        full, gone = self._rate * FULL_S, self._rate * GONE_S
        level = np.clip((gone - places) / (gone - full), 0.0, 1.0).astype(np.float32)
        glide = self._step * np.clip(1.0 - places / (self._rate * JOIN_S), 0.0, 1.0).astype(np.float32)
        return np.asarray(self._period[places % len(self._period)] * level + glide, np.float32)

    def _last_period(self) -> Samples:
        history, lag = self._history, self._pitch()
        period = history[-lag:].copy()
        overlap = lag // 4  # the period's end glides into what stood before its start: the loop has no seam
        ramp = np.linspace(0.0, 1.0, overlap, endpoint=False, dtype=np.float32)
        period[-overlap:] = period[-overlap:] * (1 - ramp) + history[-lag - overlap : -lag] * ramp
        self._step = float(history[-1] - history[-lag - 1])
        return period

    def _pitch(self) -> int:
        low, high = int(self._rate * PITCH_MIN_S), int(self._rate * PITCH_MAX_S)
        window = len(self._history) - high
        target = self._history[-window:]
        scores = np.correlate(self._history, target, "valid")[::-1]  # index = lag
        energies = np.convolve(self._history**2, np.ones(window, np.float32), "valid")[::-1]
        lags = slice(low, high + 1)
        return low + int(np.argmax(scores[lags] / np.sqrt(energies[lags] + 1.0)))

    def _remember(self, samples: Samples) -> None:
        self._history = np.concatenate([self._history, samples])[-len(self._history) :]
