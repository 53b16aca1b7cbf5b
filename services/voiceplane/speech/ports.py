"""What the call knows of speech: three questions and their answers. The adapter to Triton is speech.client."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from voiceplane.contract.audio import Pcm, WordTime


@dataclass(frozen=True, slots=True)
class InferenceTiming:
    """Where the time of a request went: waiting in the server and on the way, computing, and all of it."""

    queue_ms: float
    compute_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    """A recognized word, its place in the audio and how sure the model is (0..1)."""

    text: str
    start_ms: float
    end_ms: float
    probability: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, as far as the recognizer can tell."""

    text: str
    words: tuple[RecognizedWord, ...]
    timing: InferenceTiming
    logprob: float = 0.0  # mean over its tokens, natural logarithm; 0 is certain
    wish: str = ""  # where a short sound's words are unlikely: what else it may be, of one who wants the floor

    @property
    def confidence(self) -> float:
        """Return the mean word probability, 0 for no words."""
        return sum(word.probability for word in self.words) / len(self.words) if self.words else 0.0

    @property
    def last_word(self) -> float:
        """Return the last word's probability, 1 for no words."""
        return self.words[-1].probability if self.words else 1.0


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """How likely the speaker is done, 0..1."""

    probability: float
    timing: InferenceTiming


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of synthesized speech with its words."""

    pcm: Pcm
    words: tuple[WordTime, ...]
    timing: InferenceTiming
    cached: bool = False  # synthesized long ago


class Recognizer(Protocol):
    """Words from audio."""

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        """Recognize 16 kHz s16le audio; SpeechError when it cannot be done in time. A partial gives way to the rest.

        `hints` stands before the words as if it had been said (speech.prompts).
        """
        ...


class LargerRecognizer(Protocol):
    """Words from audio by a larger recognizer: better and later."""

    async def recognize_again(self, audio: bytes, *, hints: str = "") -> Transcript:
        """Recognize 16 kHz s16le audio; SpeechError when it cannot be done in time, or there is no such model."""
        ...


class TurnJudge(Protocol):
    """Judge whether the speaker is done."""

    async def end_probability(self, audio: bytes) -> TurnVerdict:
        """Judge 16 kHz s16le audio up to a pause; SpeechError when it cannot be done in time."""
        ...


class Synthesizer(Protocol):
    """Speech from words."""

    def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Yield speech as soon as it exists; SpeechError when it cannot be done in time. Closing it stops the work."""
        ...
