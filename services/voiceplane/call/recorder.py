"""What a call leaves behind: turns as they were heard, and at the end one call record. Filled by call.talk."""

from dataclasses import dataclass, field

from voiceplane.call.known import KnownCaller
from voiceplane.call.waste import Waste
from voiceplane.contract.dialogue import HeardTurn
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said before the floor changed; the agent's text is what the caller heard. Times: Unix ns."""

    index: int
    speaker: str  # caller | agent
    text: str
    started_ns: int
    ended_ns: int
    intent: str = ""
    timings_ms: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known when the INVITE arrives."""

    call_id: CallId
    sip_call_id: str
    remote_session_id: str
    caller: str  # by its own word; personal data
    started_ns: int


@dataclass(slots=True)
class Recorder:
    """The turns of a live call, in order."""

    facts: CallFacts
    bundle: Bundle
    answered_ns: int = 0
    turns: list[Turn] = field(default_factory=list)
    caller: KnownCaller = field(default_factory=KnownCaller)
    waste: Waste = field(default_factory=Waste)
    summary: str = ""  # for the person who was asked to take the call; personal data

    @property
    def agent(self) -> str:
        """Return the agent as namespace/name."""
        return self.bundle.agent_name

    def add(self, turn: Turn) -> None:
        """Keep a finished turn."""
        self.turns.append(turn)

    def heard(self, last: int) -> tuple[HeardTurn, ...]:
        """Return the newest turns as planners and people see them."""
        return tuple(HeardTurn(turn.speaker, turn.text) for turn in self.turns[-last:])

    def understood(self) -> bool:
        """Say whether any wish of the caller was understood."""
        return any(turn.speaker == "caller" and turn.intent for turn in self.turns)
