"""What leaves for the caller, to the sample: the sound that waits, the fade, the way back to a word, the shields.

Fed by the call, emptied by the pacer's thread one frame a tick; a lock keeps both views whole. Never mixed: synthesized
is what was queued, heard is what the kernel took as a packet (`confirm`) and no report proves lost (ledger.py).
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from voiceplane.contract.audio import FRAME_MS, WordTime
from voiceplane.media.comfort import ComfortNoise
from voiceplane.media.joins import Joins
from voiceplane.media.ledger import WORD_SLACK_MS, Departure, Ledger, LedgerWord
from voiceplane.media.ports import Heard
from voiceplane.media.resample import downsample, upsample
from voiceplane.media.shields import Shields
from voiceplane.media.tape import Samples, Tape

REWIND_S = 3.0  # of a turn's newest audio is kept, to go on at a word's beginning
REFERENCE_S = 2.0  # of what was sent, to recognize our own echo
EDGE_MS = 4  # audio that begins or runs dry away from zero is led to zero over this, so that it does not click
RISE_MS = 10  # a word that is said again after an interruption fades in over this


@dataclass(frozen=True, slots=True)
class OutFrame:
    """20 ms on their way out; `samples` of them are the agent's, from the turn numbered `turn`, up to `position`."""

    pcm: bytes
    samples: int
    turn: int
    position: int
    sample_rate: int


class Playout:
    """The outgoing audio of one call, in frames of 20 ms."""

    def __init__(self, sample_rate: int, comfort_noise: float) -> None:
        """Start silent; `comfort_noise` is its standard deviation in steps of 16 bit."""
        self._lock = threading.Lock()
        self._turn = 0
        self._tape = Tape()
        self._head = 0  # the position of the next sample to take
        self._ready: Samples = np.zeros(0, dtype=np.int16)  # goes before the tape, as it is: a fade, a frame put back
        self._in_flight = 0  # samples taken and not confirmed
        self._suspended = False
        self._again_at: int | None = None  # where to go on once the fade has left
        self._fresh: int | None = EDGE_MS  # the next sample begins a sound, which rises over this
        self._sounding = False  # speech left last
        self._ledger = Ledger()
        self._shields = Shields()
        self._joins = Joins()
        # Frames of the newest REFERENCE_S that were sent, with silence.
        self._wire: deque[Samples] = deque(maxlen=int(REFERENCE_S * 1000) // FRAME_MS)
        self._held = False
        self._level = comfort_noise
        self._set_rate(sample_rate)

    def _set_rate(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._frame_samples = sample_rate * FRAME_MS // 1000
        self._noise = ComfortNoise(self._level, self._frame_samples)

    def change_rate(self, sample_rate: int) -> None:
        """Follow a codec change between 8 and 16 kHz: what waits is converted, the ledger keeps its place in time."""
        with self._lock:
            if sample_rate == self.sample_rate:
                return
            convert = upsample if sample_rate > self.sample_rate else downsample
            ratio = sample_rate / self.sample_rate
            self._wire.clear()
            if len(self._ready):
                self._ready = np.frombuffer(convert(self._ready.astype("<i2").tobytes()), "<i2").astype(np.int16)
            self._tape.convert(convert, ratio)
            self._head = min(self._tape.end, max(self._tape.start, round(self._head * ratio)))
            self._again_at = None if self._again_at is None else round(self._again_at * ratio)
            self._in_flight = round(self._in_flight * ratio)
            self._ledger.scale(ratio)
            self._shields.scale(ratio)
            self._set_rate(sample_rate)

    def begin(self) -> None:
        """Begin a new turn of the agent: the ledger starts anew."""
        with self._lock:
            self._tape = Tape()
            self._ready = self._ready[:0]
            self._head = self._in_flight = 0
            self._suspended, self._again_at, self._fresh = False, None, EDGE_MS
            self._ledger.begin()
            self._shields.clear()
            self._turn += 1

    def append(self, pcm: bytes, words: tuple[WordTime, ...]) -> None:
        """Queue audio with its words, whose times count from the start of this audio."""
        samples = np.frombuffer(pcm, "<i2").astype(np.int16)
        with self._lock:
            per_ms, at = self.sample_rate / 1000, self._tape.end
            for word in words:
                heard_ms = max(word.start_ms, word.end_ms - WORD_SLACK_MS)
                start, end = max(0.0, at + word.start_ms * per_ms), at + word.end_ms * per_ms
                self._ledger.words.append(LedgerWord(word.text, start, end, at + heard_ms * per_ms))
            self._tape.append(samples, keep_from=self._head - int(REWIND_S * self.sample_rate))

    @property
    def pending(self) -> int:
        """Count the samples that have not left."""
        return self._tape.end - self._head + self._in_flight

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

    def shield(self, first_ms: float | None, *, of_turn: bool) -> None:
        """Shield what is appended until unshield(): all (None), or its, or its turn's, first milliseconds."""
        with self._lock:
            at, length = self._tape.end, None if first_ms is None else round(first_ms * self.sample_rate / 1000)
            self._shields.open(at, length if length is None or not of_turn else max(0, length - at))

    def unshield(self) -> None:
        """End what shield() began: what is appended from here on may be interrupted."""
        with self._lock:
            self._shields.close(self._tape.end)

    def shielded_s(self) -> float:
        """Return for how long, in seconds, what is on the wire now may not be interrupted; 0: it may."""
        with self._lock:
            return self._shields.left(self._ledger.at) / self.sample_rate

    def clear(self, fade_ms: int) -> None:
        """Fade out over the next `fade_ms` (raised cosine, no click) and drop the rest, also from the ledger."""
        with self._lock:
            ledger = self._ledger
            ledger.cut = ledger.cut or self.pending > 0
            if not self._suspended:
                self._fade(fade_ms)
            end = self._head + len(self._ready)
            # While a word was said again, what comes next stands behind all that left.
            ahead = max(0, ledger.sent - end)
            self._tape = Tape(end + ahead)  # there is no way back to what was cut
            self._head += ahead
            ledger.truncate(end + ahead)
            self._shields.clear()
            self._suspended, self._again_at = False, end + ahead
            self._jump(EDGE_MS)

    def suspend(self, fade_ms: int) -> None:
        """Fade out over the next `fade_ms` and keep the rest in hand."""
        with self._lock:
            if not self._suspended:
                self._fade(fade_ms)
                self._suspended, self._again_at = True, None

    def resume(self) -> None:
        """Go on at the beginning of the word that was cut, once the fade has left."""
        with self._lock:
            if not self._suspended:
                return
            self._suspended = False
            cut = self._head + len(self._ready)
            word = self._ledger.cut_word(cut)
            # Without a cut word, it is still being synthesized.
            start = int(self._ledger.last_end(cut) if word is None else word.start)
            if start >= cut:  # between two words, or in the last sounds of one that was heard
                start = min(start, max(cut, int(self._ledger.last_end(cut))))
            self._again_at = min(self._tape.end, max(self._tape.start, start))
            self._jump(RISE_MS)

    @property
    def is_suspended(self) -> bool:
        """Say whether the rest of the turn is kept in hand."""
        return self._suspended

    def reference(self, seconds: float) -> tuple[bytes, int]:
        """Return so much of the newest sound that was sent, s16le, and its rate: what an echo would be made of.

        Before the first packet there was silence.
        """
        with self._lock:
            count = int(seconds * self.sample_rate)
            wire = np.concatenate([np.zeros(count, dtype=np.int16), *self._wire])
            return wire[len(wire) - count :].astype("<i2").tobytes(), self.sample_rate

    def next_frame(self, *, pause: bool) -> OutFrame | None:
        """Give the pacer's thread the next frame; comfort noise when nothing waits or in a `pause`, None on hold."""
        with self._lock:
            if self._held:
                return None
            parts, position = ([], self._head) if pause else self._taken()
            count = sum(map(len, parts))
            self._in_flight += count
            if count < self._frame_samples:
                noise = self._noise.next(self._frame_samples - count)
                parts.append(self._joined(noise, rise_ms=0 if self._sounding else None))
                self._fresh, self._sounding = EDGE_MS, False
            samples = np.concatenate(parts)
            self._wire.append(samples)
            pcm = samples.astype("<i2").tobytes()
            return OutFrame(pcm, count, self._turn, position, self.sample_rate)

    def confirm(self, frame: OutFrame, *, sequence: int, tick: int) -> tuple[int, int]:
        """Enter a frame that has left in a packet into the ledger; return the samples pending before and after."""
        with self._lock:
            before = self.pending
            ratio, position = self.sample_rate / frame.sample_rate, None
            if frame.turn == self._turn and frame.samples:
                self._in_flight = 0  # one frame at most is on its way
                position = round(frame.position * ratio)
            end, length = frame.position * ratio, frame.samples * ratio
            self._ledger.left(Departure(sequence, tick, frame.turn, end - length, end), position)
            return before, self.pending

    def put_back(self, frame: OutFrame) -> None:
        """Return a frame that will not leave to the head of the queue."""
        with self._lock:
            if frame.turn == self._turn and frame.samples:
                samples = np.frombuffer(frame.pcm, "<i2")[: frame.samples].astype(np.int16)
                self._ready = np.concatenate([samples, self._ready])
                if self._again_at is None and self._head != frame.position:
                    self._again_at = self._head
                self._head = frame.position - frame.samples
                self._in_flight = 0
                self._fresh = None  # these were led in before

    def reported(self, highest: int, due: int) -> None:
        """Take a receiver report (see Ledger.reported)."""
        with self._lock:
            self._ledger.reported(highest, due)

    def heard(self) -> Heard:
        """Return the words of this turn whose sound has left and is not known to be lost."""
        with self._lock:
            return self._ledger.heard(self._turn, self.sample_rate)

    def _fade(self, fade_ms: int) -> None:
        """Fade out what comes next, unless a fade is on its way; where less waits the joins lead the rest to zero."""
        if self._again_at is not None:
            return
        length = self.sample_rate * fade_ms // 1000
        coming = self._tape.read(self._head + len(self._ready), length - len(self._ready))
        head = np.concatenate([self._ready, coming])
        curve = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, max(length, len(head))))
        self._ready = np.rint(head * curve[: len(head)]).astype(np.int16)

    def _jump(self, rise_ms: int) -> None:
        """Go on where the sound is to go on, once nothing stands before it."""
        if self._again_at is not None and not len(self._ready):
            self._head, self._again_at, self._fresh = self._again_at, None, rise_ms

    def _taken(self) -> tuple[list[Samples], int]:
        """Take a frame's samples, fewer where fewer wait; and say at which position they end."""
        parts: list[Samples] = []
        count = min(self._frame_samples, len(self._ready))
        if count:
            ready, self._ready = self._ready[:count], self._ready[count:]
            self._head += count
            parts.append(self._joined(ready, rise_ms=self._fresh))
        position = self._head
        self._jump(RISE_MS)
        if not len(self._ready) and not self._suspended and count < self._frame_samples:
            samples = self._tape.read(self._head, self._frame_samples - count)
            if len(samples):
                position = self._head = self._head + len(samples)
                parts.append(self._joined(samples, rise_ms=self._fresh))
        return parts, position

    def _joined(self, samples: Samples, *, rise_ms: int | None) -> Samples:
        if not len(samples):
            return samples
        self._fresh, self._sounding = None, True
        per_ms = self.sample_rate // 1000
        return self._joins.push(samples, fresh=rise_ms is not None, edge=EDGE_MS * per_ms, ramp=(rise_ms or 0) * per_ms)
