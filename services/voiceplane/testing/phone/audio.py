"""Samples for the test phone: WAV files, rates and levels. Pure apart from the two file functions."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voiceplane.contract.audio import BYTES_PER_SAMPLE, Pcm

Samples = NDArray[np.int16]
_HALF_WIDTH = 16  # zero crossings each side of the resampling kernel: stop band below -60 dB, enough for speech
_BLOCK = 16_384  # output samples per block: bounds the memory of a long file


def as_samples(pcm: Pcm) -> Samples:
    """View s16le bytes as an array."""
    return np.frombuffer(pcm.data, dtype="<i2").astype(np.int16, copy=False)


def resample(pcm: Pcm, sample_rate: int) -> Pcm:
    """Change the rate by a windowed sinc, low-passed at the lower of the two Nyquist frequencies."""
    if pcm.sample_rate == sample_rate or not pcm.data:
        return Pcm(pcm.data, sample_rate)
    source = as_samples(pcm).astype(np.float32)
    step = pcm.sample_rate / sample_rate
    cutoff = min(1.0, 1.0 / step)
    reach = int(np.ceil(_HALF_WIDTH / cutoff))
    padded = np.pad(source, reach + 1)
    count = int(len(source) / step)
    offsets = np.arange(-reach, reach + 1)
    out = np.empty(count, dtype=np.int16)
    for start in range(0, count, _BLOCK):
        times = np.arange(start, min(start + _BLOCK, count)) * step
        base = np.floor(times).astype(np.int64)
        distance = (times - base)[:, None] - offsets[None, :]
        window = np.cos(np.pi * np.clip(distance / (reach + 1), -1.0, 1.0) / 2) ** 2
        kernel = cutoff * np.sinc(cutoff * distance) * window
        values = np.sum(padded[base[:, None] + offsets[None, :] + reach + 1] * kernel, axis=1)
        out[start : start + len(values)] = np.clip(np.rint(values), -32768, 32767)
    return Pcm(out.astype("<i2").tobytes(), sample_rate)


def level(samples: Samples) -> float:
    """Return the root mean square of the samples, in sample units (full scale 32768)."""
    if not len(samples):
        return 0.0
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def read_wav(path: Path) -> Pcm:
    """Read a 16-bit WAV file; several channels become their mean. ValueError on another sample width."""
    with wave.open(str(path), "rb") as source:
        if source.getsampwidth() != BYTES_PER_SAMPLE:
            raise ValueError(f"{path}: {8 * source.getsampwidth()}-bit samples; save the file as 16-bit PCM")
        channels, rate = source.getnchannels(), source.getframerate()
        samples = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2")
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).astype("<i2")
    return Pcm(samples.astype("<i2").tobytes(), rate)


def write_wav(path: Path, tracks: tuple[Samples, ...], sample_rate: int) -> None:
    """Write tracks of one timeline as the channels of a WAV file; shorter tracks end in silence."""
    length = max((len(track) for track in tracks), default=0)
    frames = np.zeros((length, len(tracks)), dtype="<i2")
    for channel, track in enumerate(tracks):
        frames[: len(track), channel] = track
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as target:
        target.setnchannels(len(tracks))
        target.setsampwidth(BYTES_PER_SAMPLE)
        target.setframerate(sample_rate)
        target.writeframes(frames.tobytes())
