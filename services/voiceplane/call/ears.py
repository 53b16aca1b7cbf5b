"""What the caller says, as audio: frames in, edges of speech and the utterance's audio out. Fed by call.listening."""

import math
from typing import Protocol

import numpy as np

from voiceplane.contract.audio import BYTES_PER_SAMPLE, SPEECH_BYTES_PER_S, SPEECH_RATE
from voiceplane.turn.gate import (
    ONSET_STEP_S,
    GateParameters,
    GateState,
    Loudness,
    Onset,
    SpeechPaused,
    SpeechStarted,
    hear,
)

WINDOW_SAMPLES = 512  # silero's window at 16 kHz: 32 ms
WINDOW_BYTES = WINDOW_SAMPLES * BYTES_PER_SAMPLE
WINDOW_S = WINDOW_SAMPLES / SPEECH_RATE
STEPS = round(WINDOW_S / ONSET_STEP_S)
PREROLL_S = 0.3  # kept before the first voiced window: soft consonants begin before the VAD sees them
MEMORY_S = 32.0  # longest utterance plus pre-roll; whisper hears 30 s


class VoiceDetector(Protocol):
    """Say how likely a window of 512 samples (16 kHz s16le) holds a voice, 0..1; keeps state from window to window."""

    def probability(self, window: bytes) -> float:
        """Take the next window."""
        ...


class Ears:
    """The audio memory of one call and its gate."""

    def __init__(self, detector: VoiceDetector, parameters: GateParameters | None = None) -> None:
        """Listen with this detector."""
        self._detector = detector
        self._parameters = parameters or GateParameters()
        self._gate = GateState()
        self._loudness = Loudness()
        self._onset = Onset()
        self._audio = bytearray()  # the last MEMORY_S seconds
        self._audio_end = 0.0  # loop time of the last sample in memory
        self._pending = bytearray()  # less than one window
        self._utterance_since = 0.0
        self.voiced = False  # the last window

    def hear(self, frame: bytes, *, at: float, eager: bool = False) -> list[SpeechStarted | SpeechPaused]:
        """Take a frame that ended at loop time `at`; return the edges that it completes.

        `eager`: any sound that may begin a word begins one.
        """
        self._remember(frame, at)
        self._pending += frame
        edges: list[SpeechStarted | SpeechPaused] = []
        while len(self._pending) >= WINDOW_BYTES:
            window = bytes(self._pending[:WINDOW_BYTES])
            del self._pending[:WINDOW_BYTES]
            end = at - len(self._pending) / SPEECH_BYTES_PER_S
            probability, begun = self._look(window, end=end, eager=eager)
            self.voiced = begun is not None or probability >= self._parameters.stop_probability
            self._gate, edge = hear(
                self._gate,
                probability,
                start=end - WINDOW_S,
                end=end,
                parameters=self._parameters,
                begun=begun,
            )
            if edge is not None:
                edges.append(edge)
        return edges

    @property
    def silent_since(self) -> float | None:
        """Return when the voice fell silent whose pause is not sure yet; None while it sounds, or in a pause."""
        return None if self.voiced or not self._gate.speaking else self._gate.last_voiced

    @property
    def sounds(self) -> bool:
        """Say whether a pause is no silence just now: what sounds may be the next word, whose edge comes later."""
        return not self._gate.speaking and (self._gate.voiced_since is not None or self._onset.sounds)

    def _look(self, window: bytes, *, end: float, eager: bool) -> tuple[float, float | None]:
        """Return the detector's word, 0 for a window in which the voice has faded; and since when a word may sound."""
        probability, steps = self._detector.probability(window), _powers(window)
        level_db = _db(sum(steps) / len(steps))
        self._loudness = self._loudness.follow(level_db, probability, self._parameters)
        for power in steps:
            self._onset = self._onset.follow(_db(power), probability, self._parameters)
        if self._loudness.is_quiet(level_db):
            return 0.0, None
        loud_s = self._onset.loud_s if eager else None
        return probability, None if loud_s is None else end - loud_s

    def begin_utterance(self, since: float) -> None:
        """Keep what was said from `since` on, with a little before it, if there is any."""
        held_since = self._audio_end - len(self._audio) / SPEECH_BYTES_PER_S
        self._utterance_since = max(since - PREROLL_S, held_since)  # else words have other times than their sound

    def advance_utterance(self, seconds: float) -> None:
        """Forget the first `seconds` of the utterance: its words are settled."""
        self._utterance_since += seconds

    def utterance(self) -> bytes:
        """Return the audio of the utterance so far, 16 kHz s16le."""
        wanted_s = self._audio_end - self._utterance_since
        wanted = int(max(0.0, wanted_s) * SPEECH_RATE) * BYTES_PER_SAMPLE
        return bytes(self._audio[-wanted:]) if wanted else b""

    def _remember(self, frame: bytes, at: float) -> None:
        self._audio += frame
        self._audio_end = at
        surplus = len(self._audio) - int(MEMORY_S * SPEECH_BYTES_PER_S)
        if surplus > SPEECH_BYTES_PER_S:  # trim once a second, not every frame
            del self._audio[:surplus]


def _powers(window: bytes) -> list[float]:
    """Return the mean power of each of a window's steps."""
    steps = np.frombuffer(window, "<i2").astype(np.float64).reshape(STEPS, -1)
    return [float(power) for power in np.mean(np.square(steps), axis=1)]


def _db(power: float) -> float:
    return 10 * math.log10(max(1.0, power))
