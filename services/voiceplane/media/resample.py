"""Between the telephone's 8 kHz and speech's 16 kHz: streaming half-band filters, without clicks between frames."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

TAPS = 47  # 2.9 ms at 16 kHz: below 3.4 kHz flat, the image above 4.6 kHz is 60 dB down


def _half_band() -> Samples:
    offsets = np.arange(TAPS) - TAPS // 2
    taps = np.sinc(offsets / 2) * np.kaiser(TAPS, 6.0)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


def _pcm(samples: npt.NDArray[np.floating]) -> bytes:
    rounded: npt.NDArray[np.int16] = np.clip(np.rint(samples), -32768, 32767).astype("<i2")
    return rounded.tobytes()


class Upsampler:
    """8 kHz to 16 kHz, frame by frame; delays by 1.4 ms. Polyphase: no work on the zeros between samples."""

    def __init__(self) -> None:
        """Start after silence."""
        taps = _half_band() * 2
        self._even, self._odd = taps[::2], taps[1::2]
        self._tail = np.zeros(len(self._even) - 1, dtype=np.float32)

    def push(self, pcm: bytes) -> bytes:
        """Return twice as many samples as came in (s16le)."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        joined = np.concatenate([self._tail, samples])
        self._tail = joined[len(samples) :]
        out = np.empty(2 * len(samples), np.float32)
        out[::2] = np.convolve(joined, self._even, mode="valid")
        out[1::2] = np.convolve(joined[1:], self._odd, mode="valid")
        return _pcm(out)


class Downsampler:
    """16 kHz to 8 kHz, chunk by chunk; delays by 1.4 ms. Chunks of any length, also odd."""

    def __init__(self) -> None:
        """Start after silence."""
        self._taps = _half_band()
        self._tail = np.zeros(TAPS - 1, dtype=np.float32)
        self._phase = 0  # samples of the next chunk to pass over before the first output

    def push(self, pcm: bytes) -> bytes:
        """Return half as many samples as came in (s16le)."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        if not len(samples):
            return b""
        joined = np.concatenate([self._tail, samples])
        self._tail = joined[len(samples) :]
        out = np.convolve(joined, self._taps, mode="valid")[self._phase :: 2]
        self._phase = (self._phase + len(samples)) % 2
        return _pcm(out)


class Fitter:
    """Brings speech of 8 or 16 kHz to the rate of a line, chunk by chunk."""

    def __init__(self, sample_rate: int) -> None:
        """Fit to a line of this rate."""
        self._line_rate = sample_rate
        self._rate = sample_rate  # of the last chunk
        self._resampler: Upsampler | Downsampler | None = None

    def push(self, pcm: bytes, sample_rate: int) -> bytes:
        """Return a chunk (s16le) at the line's rate."""
        if sample_rate != self._rate:
            up = sample_rate < self._line_rate
            self._resampler = None if sample_rate == self._line_rate else Upsampler() if up else Downsampler()
            self._rate = sample_rate
        return pcm if self._resampler is None else self._resampler.push(pcm)


def downsample(pcm: bytes) -> bytes:
    """Halve the rate of a whole stretch of audio (s16le), without delay."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return _pcm(_filtered(samples, _half_band())[::2])


def upsample(pcm: bytes) -> bytes:
    """Double the rate of a whole stretch of audio (s16le), without delay."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    spread = np.zeros(len(samples) * 2, dtype=np.float32)
    spread[::2] = samples
    return _pcm(_filtered(spread, _half_band() * 2))


def _filtered(samples: Samples, taps: Samples) -> Samples:
    if not len(samples):
        return samples
    whole = np.convolve(samples, taps)
    return whole[TAPS // 2 : TAPS // 2 + len(samples)]
