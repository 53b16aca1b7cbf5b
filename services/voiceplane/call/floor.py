"""The turn machine of one live call: events in, actions carried out. Between listening, mouth and talk."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from voiceplane.turn.machine import (
    Action,
    AskAgain,
    BeginUtterance,
    EndTurn,
    Event,
    GiveUp,
    Interrupt,
    JudgePause,
    TurnParameters,
    TurnState,
    advance,
)

PENDING_TURNS = 4  # turns that wait while the agent thinks; a caller cannot finish more in that time


@dataclass(frozen=True, slots=True)
class FloorActions:
    """What the call does when the machine says so."""

    begin_utterance: Callable[[float], None]
    judge_pause: Callable[[int], None]
    interrupt: Callable[[float], None]


class FloorKeeper:
    """Holds the machine's state; finished turns and silence wait in `turns` for call.talk."""

    def __init__(self, parameters: TurnParameters, actions: FloorActions) -> None:
        """Run the machine with these parameters."""
        self._parameters = parameters
        self._actions = actions
        self.state = TurnState()
        self.turns: asyncio.Queue[EndTurn | AskAgain | GiveUp] = asyncio.Queue(PENDING_TURNS)

    def feed(self, event: Event) -> None:
        """Advance the machine and carry out what it decides."""
        self.state, actions = advance(self.state, event, self._parameters)
        for action in actions:
            self._carry_out(action)

    def expect_digits(self, expected: bool) -> None:
        """Tell the machine whether digits were asked for: they are dictated with pauses."""
        self.state = replace(self.state, expects_digits=expected)

    def _carry_out(self, action: Action) -> None:
        match action:
            case BeginUtterance(since):
                self._actions.begin_utterance(since)
            case JudgePause(pause):
                self._actions.judge_pause(pause)
            case Interrupt(at):
                self._actions.interrupt(at)
            case EndTurn() | AskAgain() | GiveUp():
                if not self.turns.full():
                    self.turns.put_nowait(action)
