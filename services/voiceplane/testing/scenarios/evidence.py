"""What happened in a call, on the timeline of its recording: milliseconds from the answer. Made by play, read by judge.

Sound comes from recorded RTP, the agent's words from recognizing that sound again, tools and outcome from the call
record. Nothing here was told by the agent's own idea of the conversation, except what the record is there to say.
"""

from dataclasses import dataclass, field

from voiceplane.testing.phone.timings import Stretch


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time."""

    start_ms: float
    end_ms: float

    def meets(self, other: "Span") -> bool:
        """Say whether two stretches overlap."""
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word of the agent, recognized from what the caller's phone recorded."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class StepTaken:
    """When a step was done: from the first to the last sound, key or moment of it."""

    index: int
    at: Span


@dataclass(frozen=True, slots=True)
class ToolSeen:
    """A tool attempt as the audit has it."""

    name: str
    intent: str
    outcome: str
    at_ms: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class CallerTurn:
    """What the agent took for a turn of the caller, and when it had ended."""

    text: str
    at_ms: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the call record says."""

    outcome: str
    end_reason: str
    tools: tuple[ToolSeen, ...] = ()
    caller_turns: tuple[CallerTurn, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict may rest on."""

    seconds: float
    caller: tuple[Span, ...] = ()
    agent: tuple[Span, ...] = ()
    words: tuple[HeardWord, ...] = ()
    steps: tuple[StepTaken, ...] = ()
    record: Recorded | None = None
    refer_to: str | None = None
    call_id: str = ""
    answered_after_ms: float | None = None
    trouble: tuple[str, ...] = field(default=())  # why a step could not be done, protocol faults

    def taken(self, index: int) -> Span | None:
        """Return when a step was done; None when the call did not come so far."""
        return next((step.at for step in self.steps if step.index == index), None)

    def heard(self, start_ms: float = 0.0, end_ms: float = float("inf")) -> tuple[HeardWord, ...]:
        """Return the agent's words whose middle lies in a stretch of time."""
        return tuple(w for w in self.words if start_ms <= (w.start_ms + w.end_ms) / 2 < end_ms)

    def text(self) -> str:
        """Return all of the agent's words."""
        return said(self.words)

    def answer_ms(self, after_ms: float) -> float | None:
        """Return when the agent's first sound after a moment began."""
        return next((span.start_ms for span in self.agent if span.start_ms >= after_ms), None)


def said(words: tuple[HeardWord, ...]) -> str:
    """Write words as people do."""
    return " ".join(word.text for word in words)


def spans(stretches: tuple[Stretch, ...], rate: int) -> tuple[Span, ...]:
    """Turn samples into milliseconds."""
    return tuple(Span(1000.0 * each.start / rate, 1000.0 * each.end / rate) for each in stretches)
