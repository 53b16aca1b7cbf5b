"""What has left for the caller, to the sample: the queue before the wire, the fade, and the heard ledger.

Fed by the call, emptied by the pacer's thread one frame a tick; a lock keeps both views whole. Never mixed: synthesized
is what was queued, heard is what the kernel took as a packet (`confirm`).
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voiceplane.contract.audio import FRAME_MS, WordTime
from voiceplane.media.ports import Heard
from voiceplane.media.resample import downsample, upsample

Samples = npt.NDArray[np.int16]

WORD_SLACK_MS = 40  # a word whose last 40 ms were cut was heard
REWIND_S = 3.0  # of a turn's newest audio is kept, to go on at a word's beginning
REFERENCE_S = 2.0  # of what was sent, to recognize our own echo
EDGE_MS = 4  # audio that begins or runs dry away from zero is led to zero over this, so that it does not click


@dataclass(frozen=True, slots=True)
class OutFrame:
    """20 ms on their way out; `samples` of them are the agent's, from the turn numbered `turn`."""

    pcm: bytes
    samples: int
    turn: int


class Playout:
    """The outgoing audio of one call, in frames of 20 ms."""

    def __init__(self, sample_rate: int, comfort_noise: float) -> None:
        """Start silent; `comfort_noise` is its standard deviation in steps of 16 bit."""
        self._lock = threading.Lock()
        self._queue: deque[Samples] = deque()
        self._queued = 0  # samples in the queue
        self._in_flight = 0  # samples taken and not confirmed
        self._appended = 0  # samples of this turn given to us and not dropped
        self._sent = 0  # samples of this turn that left
        self._turn = 0
        self._words: list[tuple[str, float]] = []  # word, its last sample in this turn
        self._cut = False
        self._tail: deque[Samples] | None = None  # while suspended: what goes on after the interruption, if it was none
        self._tail_samples = 0
        self._spoken: deque[Samples] = deque()  # the newest REWIND_S of this turn that were taken
        self._spoken_samples = 0
        # Frames of the newest REFERENCE_S that were sent, with silence.
        self._wire: deque[Samples] = deque(maxlen=int(REFERENCE_S * 1000) // FRAME_MS)
        self._held = False
        self._last = 0.0  # the last sample of speech; 0 once it is being led to zero
        self._lead_out = np.zeros(0)  # what still has to be mixed in for that
        self._since_quiet = 0  # samples of speech since the last that was none
        self._level = comfort_noise
        self._set_rate(sample_rate)

    def _set_rate(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._frame_samples = sample_rate * FRAME_MS // 1000
        noise = np.random.default_rng(1).normal(0.0, self._level, 64 * self._frame_samples)
        self._noise = noise.astype(np.int16)
        self._noise_at = 0

    def change_rate(self, sample_rate: int) -> None:
        """Follow a codec change between 8 and 16 kHz: what waits is converted, the ledger keeps its place in time."""
        with self._lock:
            if sample_rate == self.sample_rate:
                return
            convert = upsample if sample_rate > self.sample_rate else downsample
            ratio = sample_rate / self.sample_rate
            if self._tail is not None:
                self._queue.extend(self._tail)
                self._queued += self._tail_samples
            self._forget()
            self._wire.clear()
            waiting = self._take(self._queued)
            converted = np.frombuffer(convert(waiting.astype("<i2").tobytes()), "<i2").astype(np.int16)
            self._queue = deque([converted] if len(converted) else [])
            self._queued = len(converted)
            self._in_flight = round(self._in_flight * ratio)
            self._sent = round(self._sent * ratio)
            self._appended = self._sent + self._in_flight + self._queued
            self._words = [(word, end * ratio) for word, end in self._words]
            self._set_rate(sample_rate)

    def begin(self) -> None:
        """Begin a new turn of the agent: the ledger starts anew."""
        with self._lock:
            self._queue.clear()
            self._words.clear()
            self._queued = self._in_flight = self._appended = self._sent = 0
            self._cut = False
            self._forget()
            self._turn += 1

    def append(self, pcm: bytes, words: tuple[WordTime, ...]) -> None:
        """Queue audio with its words, whose times count from the start of this audio."""
        samples = np.frombuffer(pcm, "<i2").astype(np.int16)
        with self._lock:
            per_ms = self.sample_rate / 1000
            for word in words:
                end = self._appended + max(word.start_ms, word.end_ms - WORD_SLACK_MS) * per_ms
                self._words.append((word.text, end))
            if len(samples) and self._tail is not None:
                self._tail.append(samples)
                self._tail_samples += len(samples)
            elif len(samples):
                self._queue.append(samples)
                self._queued += len(samples)
            self._appended += len(samples)

    @property
    def pending(self) -> int:
        """Count the samples that have not left."""
        return self._queued + self._in_flight + self._tail_samples

    @property
    def queued_s(self) -> float:
        """Return the seconds of audio that have not left."""
        return self.pending / self.sample_rate

    @property
    def is_held(self) -> bool:
        """Say whether sending is on hold."""
        return self._held

    def hold(self, held: bool) -> None:
        """Stop sending without losing the place, or go on."""
        with self._lock:
            self._held = held

    def clear(self, fade_ms: int) -> None:
        """Fade out over the next `fade_ms` (raised cosine, no click) and drop the rest, also from the ledger."""
        with self._lock:
            self._cut = self._cut or self.pending > 0
            self._forget()
            head = self._take(min(self.sample_rate * fade_ms // 1000, self._queued))
            self._queue.clear()
            self._queued = len(head)
            if len(head):
                curve = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, len(head)))
                self._queue.append(np.rint(head * curve).astype(np.int16))
            self._appended = self._sent + self._in_flight + self._queued
            kept = [(word, end) for word, end in self._words if end <= self._appended]
            self._cut = self._cut or len(kept) < len(self._words)
            self._words = kept

    def suspend(self, fade_ms: int) -> None:
        """Fade out over the next `fade_ms` and keep the rest in hand."""
        with self._lock:
            if self._tail is not None:
                return
            head = self._take(min(self.sample_rate * fade_ms // 1000, self._queued))
            self._remember(head)
            self._tail, self._tail_samples = self._queue, self._queued
            self._queue, self._queued = deque(), len(head)
            if len(head):
                curve = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, len(head)))
                self._queue.append(np.rint(head * curve).astype(np.int16))

    def resume(self) -> None:
        """Go on at the beginning of the word that was cut."""
        with self._lock:
            if self._tail is None:
                return
            taken = self._sent + self._in_flight + self._queued
            ends = [end for _, end in self._words if end <= self._sent]
            again = min(taken - int(max(ends, default=0.0)), self._spoken_samples)
            spoken = np.concatenate(self._spoken) if self._spoken else np.zeros(0, dtype=np.int16)
            self._queue, self._queued = self._tail, self._tail_samples
            if again > 0:
                self._queue.appendleft(spoken[-again:])
                self._queued += again
            self._sent = taken - max(0, again)
            self._in_flight = 0
            self._turn += 1  # frames on their way are not counted twice
            self._forget()

    @property
    def is_suspended(self) -> bool:
        """Say whether the rest of the turn is kept in hand."""
        return self._tail is not None

    def reference(self, seconds: float) -> tuple[bytes, int]:
        """Return so much of the newest sound that was sent, s16le, and its rate: what an echo would be made of.

        Before the first packet there was silence.
        """
        with self._lock:
            count = int(seconds * self.sample_rate)
            wire = np.concatenate([np.zeros(count, dtype=np.int16), *self._wire])
            return wire[len(wire) - count :].astype("<i2").tobytes(), self.sample_rate

    def _forget(self) -> None:
        self._tail, self._tail_samples = None, 0
        self._spoken.clear()
        self._spoken_samples = 0

    def _remember(self, samples: Samples) -> None:
        self._spoken.append(samples)
        self._spoken_samples += len(samples)
        while self._spoken_samples - len(self._spoken[0]) > REWIND_S * self.sample_rate:
            self._spoken_samples -= len(self._spoken.popleft())

    def next_frame(self, *, pause: bool) -> OutFrame | None:
        """Give the pacer's thread the next frame; comfort noise when nothing waits or in a `pause`, None on hold."""
        with self._lock:
            if self._held:
                return None
            samples = self._take(0 if pause else min(self._frame_samples, self._queued))
            count = len(samples)
            self._in_flight += count
            if count:
                if self._tail is None:
                    self._remember(samples)
                samples = self._led_in(samples)
                self._last = float(samples[-1])
            if count < self._frame_samples:
                samples = np.concatenate([samples, self._quiet(self._frame_samples - count)])
            self._since_quiet = self._since_quiet + count if count == self._frame_samples else 0
            self._wire.append(samples)
            return OutFrame(samples.astype("<i2").tobytes(), count, self._turn)

    def confirm(self, frame: OutFrame) -> tuple[int, int]:
        """Enter a frame that has left into the ledger; return the samples pending before and after."""
        with self._lock:
            before = self.pending
            if frame.turn == self._turn:
                count = min(frame.samples, self._in_flight)
                self._in_flight -= count
                self._sent += count
            return before, self.pending

    def put_back(self, frame: OutFrame) -> None:
        """Return a frame that will not leave to the head of the queue."""
        with self._lock:
            if frame.turn == self._turn and frame.samples:
                self._queue.appendleft(np.frombuffer(frame.pcm, "<i2")[: frame.samples].astype(np.int16))
                self._queued += frame.samples
                self._in_flight -= frame.samples

    def heard(self) -> Heard:
        """Return the words of this turn whose sound has left."""
        with self._lock:
            words = [word for word, end in self._words if end <= self._sent]
            whole = not self._cut and len(words) == len(self._words)
            return Heard(" ".join(words), self._sent, whole)

    def _take(self, count: int) -> Samples:
        parts: list[Samples] = []
        while count > 0:
            first = self._queue.popleft()
            if len(first) > count:
                self._queue.appendleft(first[count:])
                first = first[:count]
            parts.append(first)
            self._queued -= len(first)
            count -= len(first)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    def _led_in(self, samples: Samples) -> Samples:
        edge = self.sample_rate * EDGE_MS // 1000
        if self._since_quiet >= edge:
            return samples
        count = min(len(samples), edge - self._since_quiet)
        out = samples.copy()
        out[:count] = np.rint(samples[:count] * (self._since_quiet + np.arange(count)) / edge)
        return self._led_out(out)

    def _quiet(self, count: int) -> Samples:
        if self._noise_at + count > len(self._noise):
            self._noise_at = 0
        start = self._noise_at
        self._noise_at += count
        if self._last:
            self._lead_out = np.linspace(self._last, 0.0, self.sample_rate * EDGE_MS // 1000)
            self._last = 0.0
        return self._led_out(self._noise[start : start + count].copy())

    def _led_out(self, out: Samples) -> Samples:
        count = min(len(out), len(self._lead_out))
        if count:
            out[:count] = np.clip(out[:count] + self._lead_out[:count], -32768, 32767)
            self._lead_out = self._lead_out[count:]
        return out
