"""A turn between gateway, planner and tools: requests carry all state, so any replica can serve any turn."""

from dataclasses import dataclass, field
from enum import StrEnum

from voiceplane.contract.ids import CallId


class PlannerUnavailableError(Exception):
    """No planner answers: worth another try."""


class ToolsUnavailableError(Exception):
    """No tool gateway answers: worth another try with the same idempotency key."""


class ToolOutcome(StrEnum):
    """How a tool call ended."""

    OK = "ok"
    REFUSED = "refused"
    INVALID_ARGUMENTS = "invalid-arguments"
    TIMED_OUT = "timed-out"
    FAILED = "failed"
    INVALID_RESULT = "invalid-result"


@dataclass(frozen=True, slots=True)
class RunningTool:
    """A tool whose answer the caller still waits for while the conversation goes on."""

    tool: str
    intent: str
    slots: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Everything the dialogue knows. The gateway keeps it between turns, and only as far as it was heard.

    A reply that leaves a tool out of `running` wants its answer no more: it is recorded and not spoken.
    """

    intent: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    asking: str = ""  # slot being asked
    confirming: bool = False  # a yes or no is expected on the intent
    confirming_slot: str = ""
    unsure: int = 0
    last_reply: str = ""
    done_intents: tuple[str, ...] = ()
    running: tuple[RunningTool, ...] = ()  # oldest first
    unheard: str = ""  # of the last reply: cut off before the caller could hear it
    wanted: str = ""  # intent that goes on when the caller has proved who he is
    also: str = ""  # intent that was wished for in the same breath: it comes next


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """The caller's turn; `confidence` is 0..1; `keys` when it was typed."""

    text: str
    confidence: float = 1.0
    keys: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool brought."""

    tool: str
    outcome: ToolOutcome
    result_json: str = ""
    reason: str = ""  # why it is not OK, as the tool gateway says it


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """A turn as it was heard."""

    speaker: str  # caller | agent
    text: str


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """One question to the planner."""

    call_id: CallId
    agent: str
    revision: str
    turn_index: int
    request_id: str
    state: DialogueState
    input: CallerSaid | ToolResult
    today: str  # ISO date
    history: tuple[HeardTurn, ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    """One phrase; constant ones are the same for every caller."""

    text: str
    constant: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Run a tool, then ask again with its result."""

    tool: str
    intent: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Give the call to a person."""

    reason: str
    summary: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call after what was said."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a reply: the new state and what was understood."""

    state: DialogueState
    intent: str = ""
    confidence: float = 0.0


TALK = "agent:talk"  # the intent of a turn that a model planner answered without one


def understood(before: DialogueState, done: Done) -> bool | None:
    """Say whether the planner made something of the words; None where it answered and cannot tell."""
    if done.state.unsure > before.unsure:
        return False
    if done.intent == TALK:
        return None
    return bool(done.intent) or done.confidence > 0.0


TO_THE_LETTER = 0.9  # of a planner's confidence: an example's own words, or the answer to what was asked


def expected(before: DialogueState, done: Done) -> bool:
    """Say whether the words are, nearly to the letter, some that the agent waits for, and bring the dialogue on."""
    sure = done.confidence >= TO_THE_LETTER and understood(before, done) is True
    return sure and bool(done.intent) and done.state != before


ReplyEvent = Say | ToolCall | Transfer | HangUp | Done


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """One wish to run a tool."""

    call_id: CallId
    agent: str
    revision: str
    turn_index: int
    intent: str
    tool: str
    arguments_json: str
    idempotency_key: str
    authentication: str = "none"
    failed_proofs: int = field(default=0, compare=False)  # in the call so far; the same wish whatever it is
    caller_number: str = field(default="", repr=False)  # that a trunk vouches for; personal data


@dataclass(frozen=True, slots=True)
class ToolReply:
    """How it went."""

    outcome: ToolOutcome
    result_json: str
    reason: str
    attempts: int
