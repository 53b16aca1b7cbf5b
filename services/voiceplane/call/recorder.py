"""What a call leaves behind: turns as they were heard, and at the end one call record. Filled by call.talk."""

from dataclasses import dataclass, field

from voiceplane.call.known import KnownCaller
from voiceplane.call.turns import Discretion, Turn
from voiceplane.call.waste import Waste
from voiceplane.contract.dialogue import HeardTurn
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle


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
    _discretion: Discretion = field(init=False)

    def __post_init__(self) -> None:
        """Know what of the turns may be told on."""
        self._discretion = Discretion(self.bundle.agent.spec)

    @property
    def agent(self) -> str:
        """Return the agent as namespace/name."""
        return self.bundle.agent_name

    def add(self, turn: Turn) -> None:
        """Keep a finished turn."""
        self.turns.append(turn)

    def heard(self, last: int) -> tuple[HeardTurn, ...]:
        """Return the newest turns as planners and people see them: what proves who calls is in none."""
        texts = self._discretion.texts(self.turns, last=last)
        return tuple(HeardTurn(turn.speaker, text) for turn, text in zip(self.turns[-last:], texts, strict=True))

    def shown(self, turn: Turn) -> str:
        """Return the text of a turn that follows as the policy lets it be watched."""
        return next(self._discretion.texts((*self.turns, turn), last=1, shown=self._may_be_shown))

    def transcript(self) -> tuple[str, ...]:
        """Return the texts of all turns as the policy lets them be kept."""
        return tuple(self._discretion.texts(self.turns, shown=self._may_be_shown))

    @property
    def _may_be_shown(self) -> tuple[str, ...]:
        return self.bundle.policy.redaction.show_arguments

    def understood(self) -> bool:
        """Say whether any wish of the caller was understood."""
        return any(turn.speaker == "caller" and turn.intent for turn in self.turns)
