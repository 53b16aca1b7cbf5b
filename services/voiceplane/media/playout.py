"""What has left for the caller, to the sample: the queue before the wire, the fade, and the heard ledger.

Fed by the call, emptied by the pacer's thread one frame a tick; a lock keeps both views whole. Never mixed: synthesized
is what was queued, heard is what a frame carried out of here.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceplane.contract.audio import WordTime

NOISE_LEVEL = 6.0  # comfort noise, standard deviation in steps of 16 bit: about -75 dBFS, not dead air
WORD_SLACK_MS = 40  # a word whose last 40 ms were cut was heard


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller has heard of the agent's turn."""

    text: str
    samples: int
    complete: bool


class Playout:
    """The outgoing audio of one call at one sample rate, in frames of one ptime."""

    def __init__(self, sample_rate: int, frame_samples: int) -> None:
        """Start silent."""
        self.sample_rate = sample_rate
        self._frame_samples = frame_samples
        self._lock = threading.Lock()
        self._queue: deque[npt.NDArray[np.int16]] = deque()
        self._queued = 0  # samples in the queue
        self._appended = 0  # samples of this turn given to us
        self._sent = 0  # samples of this turn that left
        self._words: list[tuple[str, float]] = []  # word, its last sample in this turn
        self._held = False
        noise = np.random.default_rng(1).normal(0.0, NOISE_LEVEL, 64 * frame_samples)
        self._noise = noise.astype(np.int16)
        self._noise_at = 0

    def begin(self) -> None:
        """Begin a new turn of the agent: the ledger starts anew."""
        with self._lock:
            self._queue.clear()
            self._words.clear()
            self._queued = self._appended = self._sent = 0

    def append(self, pcm: bytes, words: tuple[WordTime, ...]) -> None:
        """Queue audio with its words, whose times count from the start of this audio."""
        samples = np.frombuffer(pcm, "<i2").astype(np.int16)
        with self._lock:
            per_ms = self.sample_rate / 1000
            for word in words:
                end = self._appended + max(word.start_ms, word.end_ms - WORD_SLACK_MS) * per_ms
                self._words.append((word.text, end))
            self._queue.append(samples)
            self._queued += len(samples)
            self._appended += len(samples)

    @property
    def queued_s(self) -> float:
        """Return the seconds of audio that wait."""
        return self._queued / self.sample_rate

    @property
    def is_held(self) -> bool:
        """Say whether sending is on hold."""
        return self._held

    def hold(self, held: bool) -> None:
        """Stop sending without losing the place, or go on."""
        with self._lock:
            self._held = held

    def clear(self, fade_ms: int) -> None:
        """Fade out over the next `fade_ms` (raised cosine, no click) and drop the rest."""
        with self._lock:
            wanted = self.sample_rate * fade_ms // 1000
            head = self._take(min(wanted, self._queued))
            self._queue.clear()
            self._queued = 0
            if len(head):
                curve = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, len(head)))
                faded = np.rint(head * curve).astype(np.int16)
                self._queue.append(faded)
                self._queued = len(faded)

    def next_frame(self) -> tuple[bytes, bool] | None:
        """Give the pacer the next frame and whether it holds speech; None while on hold."""
        with self._lock:
            if self._held:
                return None
            samples = self._take(min(self._frame_samples, self._queued))
            if not len(samples):
                return self._comfort(self._frame_samples).tobytes(), False
            self._sent += len(samples)
            if len(samples) < self._frame_samples:
                samples = np.concatenate([samples, self._comfort(self._frame_samples - len(samples))])
            return samples.tobytes(), True

    def heard(self) -> Heard:
        """Return the words of this turn whose sound has left."""
        with self._lock:
            words = [word for word, end in self._words if end <= self._sent]
            return Heard(" ".join(words), self._sent, len(words) == len(self._words))

    def _take(self, count: int) -> npt.NDArray[np.int16]:
        parts: list[npt.NDArray[np.int16]] = []
        while count > 0:
            first = self._queue.popleft()
            if len(first) > count:
                self._queue.appendleft(first[count:])
                first = first[:count]
            parts.append(first)
            self._queued -= len(first)
            count -= len(first)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    def _comfort(self, count: int) -> npt.NDArray[np.int16]:
        if self._noise_at + count > len(self._noise):
            self._noise_at = 0
        start = self._noise_at
        self._noise_at += count
        return self._noise[start : start + count]
