"""Recognize the agent's own voice when it comes back on the line. Pure: two stretches of sound in, a likeness out."""

import numpy as np
import numpy.typing as npt

ECHO_LIKENESS = 0.5  # measured: an echo at -20 dB behind 200 ms gives 0.8 and more, another voice under 0.35
LONGEST_DELAY_S = 0.6
_BLOCK = 4  # 16 kHz to 4 kHz: speech's energy is there, and codecs leave it alone


def likeness(heard: bytes, sent: bytes) -> float:
    """Return how much (0..1) what is heard is like something sent before it; both 16 kHz s16le.

    `sent` ends when `heard` ends and is longer by the longest delay that is looked for.
    """
    near, far = _thin(heard), _thin(sent)
    if len(near) < 200 or len(far) < len(near) or not near.any() or not far.any():
        return 0.0
    size = 1 << (len(far) + len(near) - 1).bit_length()
    product = np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size))
    matches = np.fft.irfft(product, size)[: len(far) - len(near) + 1]
    power = np.concatenate([[0.0], np.cumsum(far**2)])
    windows = power[len(near) :] - power[: len(power) - len(near)]
    strength = np.sqrt(np.maximum(windows, 1e-9 + windows.max() * 1e-3) * float(np.sum(near**2)))
    return float(np.max(np.abs(matches) / strength))


def _thin(pcm: bytes) -> npt.NDArray[np.float64]:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).mean(axis=1)
    return np.diff(blocks, prepend=blocks[:1])  # without the hum of the line
