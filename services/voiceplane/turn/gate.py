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


@dataclass(frozen=True, slots=True)
class GateState:
    """Where the gate stands between two windows."""

    speaking: bool = False
    voiced_since: float | None = None
    last_voiced: float = 0.0


def hear(
    state: GateState, probability: float, *, start: float, end: float, parameters: GateParameters
) -> tuple[GateState, SpeechStarted | SpeechPaused | None]:
    """Take one VAD window that spans `start`..`end` and say whether speech started or paused."""
    if not state.speaking:
        if probability < parameters.start_probability:
            return replace(state, voiced_since=None), None
        since = start if state.voiced_since is None else state.voiced_since
        if end - since < parameters.min_speech_s - 1e-6:
            return replace(state, voiced_since=since), None
        return GateState(speaking=True, voiced_since=since, last_voiced=end), SpeechStarted(since)
    if probability >= parameters.stop_probability:
        return replace(state, last_voiced=end), None
    if end - state.last_voiced < parameters.pause_s - 1e-6:
        return state, None
    return GateState(last_voiced=state.last_voiced), SpeechPaused(end, state.last_voiced)
