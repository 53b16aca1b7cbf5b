"""Audio between stages: mono, signed 16-bit little-endian PCM, with its rate beside it."""

from dataclasses import dataclass

SPEECH_RATE = 16_000  # Hz: what VAD, asr, turn and tts exchange
FRAME_MS = 20  # one frame = one ptime
BYTES_PER_SAMPLE = 2
SPEECH_BYTES_PER_S = SPEECH_RATE * BYTES_PER_SAMPLE


@dataclass(frozen=True, slots=True)
class Pcm:
    """A stretch of mono s16le samples."""

    data: bytes
    sample_rate: int

    @property
    def samples(self) -> int:
        """Count the samples."""
        return len(self.data) // BYTES_PER_SAMPLE

    @property
    def duration_ms(self) -> float:
        """Return the length in milliseconds."""
        return 1000.0 * self.samples / self.sample_rate


@dataclass(frozen=True, slots=True)
class WordTime:
    """One spoken word and where it lies in its audio, in milliseconds from the start of that audio."""

    text: str
    start_ms: float
    end_ms: float
