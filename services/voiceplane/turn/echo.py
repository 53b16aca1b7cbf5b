"""Recognize the agent's own voice when it comes back on the line. Pure: two stretches of sound in, a verdict out.

The echo's path (delay and strength) is learned where the match is plain; from then on a sound that is no louder than
the path explains is ours, also in the short and faint stretches that match nothing well.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ECHO_LIKENESS = 0.5  # measured: an echo at -20 dB behind 200 ms gives 0.8 and more, another voice under 0.35
PLAIN_LIKENESS = 0.65
LONGEST_DELAY_S = 0.6
LOUDEST = 0.7  # a path does not amplify: what is louder than this share of what was sent is a voice
EXPLAINED = 4.0  # times the power that the path predicts: rooms ring on, codecs add noise
_BLOCK = 4  # 16 kHz to 4 kHz: speech's energy is there, and codecs leave it alone
_RATE = 4000
_SAME_DELAY = _RATE // 25  # 40 ms: two packets, a jitter buffer's step

Signal = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EchoPath:
    """How the agent's voice comes back; `seen` counts the matches that agree."""

    delay: int = 0  # samples of 4 kHz
    gain: float = 0.0  # of amplitude
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Where what is heard fits best into what was sent."""

    likeness: float  # 0..1
    delay: int  # samples of 4 kHz
    gain: float


def match(heard: bytes, sent: bytes) -> Match:
    """Find the best fit; both 16 kHz s16le, `sent` ends when `heard` ends and is longer by the longest delay."""
    near, far = _thin(heard), _thin(sent)
    if len(near) < 200 or len(far) < len(near) or not near.any() or not far.any():
        return Match(0.0, 0, 0.0)
    size = 1 << (len(far) + len(near) - 1).bit_length()
    product = np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size))
    dots = np.fft.irfft(product, size)[: len(far) - len(near) + 1]
    power = np.concatenate([[0.0], np.cumsum(far**2)])
    windows = power[len(near) :] - power[: len(power) - len(near)]
    floor = 1e-9 + windows.max() * 1e-3
    strengths = np.abs(dots) / np.sqrt(np.maximum(windows, floor) * float(np.sum(near**2)))
    best = int(np.argmax(strengths))
    gain = float(abs(dots[best]) / max(floor, float(windows[best])))
    return Match(float(strengths[best]), len(far) - len(near) - best, gain)


def likeness(heard: bytes, sent: bytes) -> float:
    """Return how much (0..1) what is heard is like something sent before it."""
    return match(heard, sent).likeness


def learn(path: EchoPath, found: Match) -> EchoPath:
    """Take one match into what is known of the path."""
    if found.likeness < PLAIN_LIKENESS or found.gain > LOUDEST:
        return path
    if abs(found.delay - path.delay) > _SAME_DELAY:
        return EchoPath(found.delay, found.gain, 1)
    return EchoPath(found.delay, path.gain + (found.gain - path.gain) / 4, path.seen + 1)


def is_echo(path: EchoPath, found: Match, heard: bytes, sent: bytes) -> bool:
    """Say whether what is heard is the agent's own voice and nothing else."""
    if found.likeness >= ECHO_LIKENESS and found.gain <= LOUDEST:
        return True
    if path.seen < 2:
        return False
    near, far = _thin(heard), _thin(sent)
    around = _SAME_DELAY
    first = max(0, len(far) - len(near) - path.delay - around)
    source = far[first : first + len(near) + 2 * around]
    expected = float(np.sum(source**2)) * path.gain**2
    return float(np.sum(near**2)) <= EXPLAINED * expected


def _thin(pcm: bytes) -> Signal:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).mean(axis=1)
    return np.diff(blocks, prepend=blocks[:1])  # without the hum of the line
