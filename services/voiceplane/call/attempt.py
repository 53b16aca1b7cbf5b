"""One reply in the making, and what it brings: the planner's events and those of its tools. Made by call.replies."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from voiceplane.call.meaning import words
from voiceplane.call.pumped import Pumped
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    ReplyEvent,
    ToolCall,
    ToolReply,
    expected,
    understood,
)


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool runs now; the caller may have to be told."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolDone:
    """What a tool brought."""

    call: ToolCall
    reply: ToolReply


Event = ReplyEvent | ToolStarted | ToolDone


@dataclass(slots=True)
class Attempt:
    """One reply in the making."""

    given: CallerSaid
    state: DialogueState
    index: int
    speculative: bool = False  # begun before the turn was over
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    events: Pumped[Event] | None = None
    told: list[Callable[[], None]] = field(default_factory=list)  # wait for the planner's word; one a pause
    rival: "Attempt | None" = None  # the speculation on other words, until the planner's reply says whether it holds
    adopted: "Attempt | None" = None  # it held: what it brings is this reply
    planner_ms: float = 0.0
    tool_attempts: int = 0
    dropped: bool = False
    acting: bool = False  # a tool that changes something was begun

    @property
    def stands(self) -> bool:
        """Say whether it cannot be taken back any more."""
        return self.acting or (self.adopted is not None and self.adopted.acting)

    def stop(self) -> None:
        """Let no tool of it begin from now on."""
        for each in (self, self.adopted):
            if each is not None and each.events is not None:
                each.events.cancel()

    def answers(self, given: CallerSaid, state: DialogueState, index: int) -> bool:
        """Say whether this is the reply to a turn: the same words, however they are written, in the same state."""
        same = words(self.given.text) == words(given.text) and self.given.keys == given.keys
        return same and self.state == state and self.index == index

    def understood(self) -> bool | None:
        """Say whether the planner understood the words; None while it has not said."""
        for event in self.events.so_far if self.events is not None else ():
            if isinstance(event, Done):
                return understood(self.state, event)
            if isinstance(event, ToolCall):
                return True
        return None

    def expected(self) -> bool:
        """Say whether the planner found words that the agent waits for; False while it has not said."""
        replied = self.events.so_far if self.events is not None else ()
        done = next((event for event in replied if isinstance(event, Done)), None)
        return done is not None and expected(self.state, done)

    def first_round(self) -> tuple[ReplyEvent, ...]:
        """Return what the planner first replied; () while that is not whole."""
        found: list[ReplyEvent] = []
        for event in self.events.so_far if self.events is not None else ():
            if isinstance(event, ToolStarted | ToolDone):
                break
            found.append(event)
        return tuple(found) if found and isinstance(found[-1], Done) else ()
