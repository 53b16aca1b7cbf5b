"""A conversation with a planner, turn by turn, as the gateway keeps it. Used by the planner's tests."""

import json

from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    HeardTurn,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
    ToolOutcome,
    ToolResult,
    Transfer,
)
from voiceplane.contract.ids import CallId
from voiceplane.planner.flow import FlowPlanner

MONDAY = "2026-11-23"


class Conversation:
    """Says lines to a planner, keeping its state as the gateway does."""

    def __init__(self, planner: FlowPlanner, state: DialogueState | None = None) -> None:
        self.planner = planner
        self.state = state or DialogueState()
        self.events: list[ReplyEvent] = []
        self.heard: list[HeardTurn] = []

    def put(self, given: CallerSaid | ToolResult) -> str:
        """Give one input; return what is said, and the other events in brackets."""
        history = tuple(self.heard)
        request = ReplyRequest(CallId("0" * 32), "support/parcel-desk", "r", 0, "q", self.state, given, MONDAY, history)
        self.events = list(self.planner.reply(request))
        assert isinstance(self.events[-1], Done)
        assert not any(isinstance(event, Done) for event in self.events[:-1])
        self.state = self.events[-1].state
        said = " ".join(_written(event) for event in self.events[:-1])
        self.heard += [HeardTurn("caller", given.text)] if isinstance(given, CallerSaid) else []
        self.heard.append(HeardTurn("agent", said))
        return said

    @property
    def done(self) -> Done:
        """Return how the last reply ended."""
        assert isinstance(self.events[-1], Done)
        return self.events[-1]

    def say(self, text: str) -> str:
        return self.put(CallerSaid(text))

    def press(self, keys: str) -> str:
        return self.put(CallerSaid(keys, keys=True))

    def tool(self, content: object, *, name: str = "parcel-status", outcome: ToolOutcome = ToolOutcome.OK) -> str:
        return self.put(ToolResult(name, outcome, content if isinstance(content, str) else json.dumps(content)))


def _written(event: ReplyEvent) -> str:
    match event:
        case Say(text):
            return text
        case ToolCall(tool, _, arguments):
            return f"[{tool} {arguments}]"
        case Transfer(reason):
            return f"[transfer {reason}]"
        case HangUp(reason):
            return f"[hang up {reason}]"
        case Done():
            return ""
