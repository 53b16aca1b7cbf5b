"""What happens in a conversation, and what the turn machine decides: its vocabulary, facts only."""

from dataclasses import dataclass

from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.reading import Reading


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """The first packet of the agent's turn left."""

    at: float


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """The last packet of the agent's turn left, or there was nothing to say."""

    at: float


@dataclass(frozen=True, slots=True)
class PauseJudged:
    """The turn model's answer about one pause: how likely the caller is done, 0..1."""

    at: float
    pause: int
    probability: float


@dataclass(frozen=True, slots=True)
class WordsRead:
    """What the words up to one pause say about the end of the turn."""

    at: float
    pause: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class OverlapJudged:
    """What one sound over the agent's speech is."""

    at: float
    overlap: int
    kind: Overlap


@dataclass(frozen=True, slots=True)
class Retracted:
    """The turn was not over: its reply was dropped before it was heard, the caller goes on."""

    at: float


@dataclass(frozen=True, slots=True)
class TurnStands:
    """The turn's end cannot be taken back any more: what the caller says now is a turn of its own."""

    at: float


@dataclass(frozen=True, slots=True)
class Transferring:
    """A person is being asked to take the call: nobody is expected to speak until the agent does."""

    at: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent with every frame. `sounds`: there is no silence, and no edge of speech yet."""

    at: float
    sounds: bool = False


Event = (
    AgentStarted
    | AgentFinished
    | SpeechStarted
    | SpeechPaused
    | PauseJudged
    | WordsRead
    | OverlapJudged
    | Retracted
    | TurnStands
    | Transferring
    | Tick
)


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """Keep the caller's audio from here on."""

    since: float


@dataclass(frozen=True, slots=True)
class JudgePause:
    """Ask the turn model and the recognizer about the audio so far."""

    pause: int


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The caller's turn is over: `spoken_until` is the last sound, `reason` is judged, silence or too-long."""

    at: float
    spoken_until: float
    reason: str
    pause: int = 0  # whose words are the turn's
    since: float = 0.0  # the first sound


@dataclass(frozen=True, slots=True)
class Duck:
    """The caller makes a sound over the agent: fade out and keep the rest."""

    at: float


@dataclass(frozen=True, slots=True)
class JudgeOverlap:
    """Say what the sound is, with what is known so far."""

    overlap: int
    since: float
    ended: bool


@dataclass(frozen=True, slots=True)
class Resume:
    """It was nothing for us: go on at the word."""

    at: float


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The caller takes the floor: drop the rest."""

    at: float
    overlap_since: float


@dataclass(frozen=True, slots=True)
class OverlapOver:
    """The agent was done before the sound over it was named: the caller has the floor."""


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The caller speaks again before the reply is on the wire: perhaps the turn was not over."""

    at: float


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The caller says nothing: ask whether somebody is there."""

    count: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The caller said nothing after every question: let go politely."""


Action = (
    BeginUtterance
    | JudgePause
    | EndTurn
    | Duck
    | JudgeOverlap
    | Resume
    | Interrupt
    | OverlapOver
    | SpeechResumed
    | AskAgain
    | GiveUp
)
