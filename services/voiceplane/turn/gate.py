"""Turn voice probabilities and loudness into edges of speech. Fed by VAD windows, read by turn.machine. Pure.

A voice detector hears a voice for 100 ms and more after it has ended (silero: 124 ms in the median). A window as quiet
as the line's own noise is silence whatever the detector says, so that a pause begins where the sound ends.
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
    pause_s: float = 0.096  # three windows: the words are read here; turn.machine decides whether the turn is over


@dataclass(frozen=True, slots=True)
class Loudness:
    """The usual levels of one line, in dB over one step of 16 bit."""

    noise_db: float = 20.0
    voice_db: float = 60.0

    def is_quiet(self, level_db: float) -> bool:
        """Say whether a window is no louder than the line's noise, where that is well below the caller's voice."""
        return level_db < min(self.noise_db + _NOISE_MARGIN_DB, self.voice_db - _VOICE_MARGIN_DB)

    def follow(self, level_db: float, probability: float, parameters: GateParameters) -> "Loudness":
        """Learn from one window."""
        if probability < parameters.stop_probability:
            return replace(self, noise_db=self.noise_db + _FOLLOW_NOISE * (level_db - self.noise_db))
        if probability >= parameters.start_probability and not self.is_quiet(level_db):
            return replace(self, voice_db=self.voice_db + _FOLLOW_VOICE * (level_db - self.voice_db))
        return self


_NOISE_MARGIN_DB = 8.0
_VOICE_MARGIN_DB = 25.0
_FOLLOW_NOISE = 0.15  # of the difference, a window
_FOLLOW_VOICE = 0.05


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
