"""Turn voice probabilities and loudness into edges of speech. Fed by VAD windows, read by turn.machine. Pure.

A voice detector hears a voice for 100 ms and more after it has ended (silero: 115 ms in the median). A window far below
the caller's own level is silence whatever the detector says, so that a pause begins where the sound ends.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller makes a voiced sound; `at` is where it began (loop seconds)."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The caller has been silent for the pause length; `since` is the end of the last voiced window."""

    at: float
    since: float


@dataclass(frozen=True, slots=True)
class GateParameters:
    """Hysteresis of the gate. Defaults stand on silero's own thresholds."""

    start_probability: float = 0.5
    stop_probability: float = 0.35
    min_speech_s: float = 0.064  # two 32 ms windows: a click is one
    pause_s: float = 0.064  # two windows: the words are read here; turn.machine decides whether the turn is over


_FADED_DB = 25.0  # below the voice's level: its last echo in the room, not a sound of speech
_RISE, _FALL = 0.15, 0.03  # of the difference, a window: loud at once, a caller who turns away within seconds


@dataclass(frozen=True, slots=True)
class Loudness:
    """The usual level of one caller, in dB over one step of 16 bit. Starts low: the first word is never too quiet."""

    voice_db: float = 45.0

    def is_quiet(self, level_db: float) -> bool:
        """Say whether a window is so far below the caller's voice that the voice has ended."""
        return level_db < self.voice_db - _FADED_DB

    def follow(self, level_db: float, probability: float, parameters: GateParameters) -> "Loudness":
        """Learn from one window; only those that hold a voice count."""
        if probability < parameters.start_probability:
            return self
        share = _RISE if level_db > self.voice_db else _FALL
        return Loudness(self.voice_db + share * (level_db - self.voice_db))


ONSET_STEP_S = 0.016  # half a window
_ONSET_DB = 15.0  # over the line's own noise: a sound, not the line
_LEAST_DB = 45.0  # softer than the softest consonant on a phone line
_ONSET_STEPS = 3  # a click, also one across two steps, is over by then
_LONGEST_STEPS = 25  # 0.4 s: no consonant lasts longer without a voice behind it
_NOISE_RISE, _NOISE_FALL = 0.01, 0.05  # of the difference, a step: seconds up, at once down


@dataclass(frozen=True, slots=True)
class Onset:
    """How loud the line is without a voice, and for how many steps something has been louder.

    A detector hears no voice in the s of "stop" (220 ms at p95 of the bench), which is one for the
    ear. It is taken for the beginning of a voice where waiting costs most: while the agent is being spoken over.
    """

    noise_db: float = 30.0
    loud: int = 0

    def follow(self, level_db: float, probability: float, parameters: GateParameters) -> "Onset":
        """Take the next step, with the probability of a voice in its window."""
        loud = self.loud + 1 if level_db >= max(_LEAST_DB, self.noise_db + _ONSET_DB) else 0
        if probability >= parameters.stop_probability:
            return Onset(self.noise_db, loud)
        share = _NOISE_RISE if level_db > self.noise_db else _NOISE_FALL
        return Onset(self.noise_db + share * (level_db - self.noise_db), loud)

    @property
    def loud_s(self) -> float | None:
        """Return how long a sound that may be a word's first consonant has lasted; None without one."""
        return self.loud * ONSET_STEP_S if _ONSET_STEPS <= self.loud <= _LONGEST_STEPS else None

    @property
    def sounds(self) -> bool:
        """Say whether something short sounds just now, a voice or not."""
        return 0 < self.loud <= _LONGEST_STEPS


@dataclass(frozen=True, slots=True)
class GateState:
    """Where the gate stands between two windows."""

    speaking: bool = False
    voiced_since: float | None = None
    last_voiced: float = 0.0


def hear(
    state: GateState,
    probability: float,
    *,
    start: float,
    end: float,
    parameters: GateParameters,
    begun: float | None = None,
) -> tuple[GateState, SpeechStarted | SpeechPaused | None]:
    """Take one VAD window that spans `start`..`end` and say whether speech started or paused.

    `begun`: a sound that counts as speech, voice or not, has lasted since then.
    """
    if not state.speaking and begun is not None:
        since = max(begun, state.last_voiced)
        return GateState(speaking=True, voiced_since=since, last_voiced=end), SpeechStarted(since)
    if not state.speaking:
        if probability < parameters.start_probability:
            return replace(state, voiced_since=None), None
        since = start if state.voiced_since is None else state.voiced_since
        if end - since < parameters.min_speech_s - 1e-6:
            return replace(state, voiced_since=since), None
        return GateState(speaking=True, voiced_since=since, last_voiced=end), SpeechStarted(since)
    if begun is not None or probability >= parameters.stop_probability:
        return replace(state, last_voiced=end), None
    if end - state.last_voiced < parameters.pause_s - 1e-6:
        return state, None
    return GateState(last_voiced=state.last_voiced), SpeechPaused(end, state.last_voiced)
