"""Log-mel features of the Whisper family, in numpy. Shared by asr and turn.

The arithmetic is that of WhisperFeatureExtractor (openai/whisper, Apache-2.0 port in transformers): 25 ms Hann windows
every 10 ms, 80 Slaney mel bands, log10 clamped to 8 below the maximum, scaled to about -1..1.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SAMPLE_RATE = 16_000
N_FFT = 400
HOP = 160
BANDS = 80


def _mel(hertz):
    linear = 3.0 * hertz / 200.0
    with np.errstate(divide="ignore"):
        logarithmic = 15.0 + np.log(np.maximum(hertz, 1e-9) / 1000.0) * 27.0 / np.log(6.4)
    return np.where(hertz >= 1000.0, logarithmic, linear)


def _hertz(mel):
    return np.where(mel >= 15.0, 1000.0 * np.exp(np.log(6.4) / 27.0 * (mel - 15.0)), 200.0 * mel / 3.0)


def _filters():
    edges = _hertz(np.linspace(0.0, float(_mel(np.float64(SAMPLE_RATE / 2))), BANDS + 2))
    bins = np.linspace(0, SAMPLE_RATE // 2, N_FFT // 2 + 1)
    slopes = edges[None, :] - bins[:, None]
    widths = np.diff(edges)
    triangles = np.maximum(0.0, np.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).T.astype(np.float32)


_FILTERS = _filters()
_WINDOW = np.hanning(N_FFT + 1)[:-1].astype(np.float32)


def log_mel(samples):
    """Turn float samples (-1..1, 16 kHz) into features of shape (80, samples // 160), float32."""
    padded = np.pad(samples.astype(np.float32), (N_FFT // 2, N_FFT // 2), mode="reflect")
    windows = sliding_window_view(padded, N_FFT)[::HOP]
    power = np.abs(np.fft.rfft(windows * _WINDOW, axis=-1)) ** 2
    bands = np.log10(np.maximum(1e-10, _FILTERS @ power.T.astype(np.float32)))[:, :-1]
    bands = np.maximum(bands, bands.max() - 8.0)
    return ((bands + 4.0) / 4.0).astype(np.float32)
