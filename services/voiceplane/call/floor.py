"""The turn machine of one live call: events in, actions carried out. Between listening, mouth and talk."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from voiceplane.call.holding import CallClock
from voiceplane.turn.events import (
    Action,
    AskAgain,
    BeginUtterance,
    Duck,
    EndTurn,
    Event,
    GiveUp,
    Interrupt,
    JudgeOverlap,
    JudgePause,
    OverlapOver,
    Resume,
    SpeechResumed,
)
from voiceplane.turn.machine import Floor, TurnState, advance
from voiceplane.turn.parameters import TurnParameters

PENDING_TURNS = 4  # turns that wait while the agent thinks; a caller cannot finish more in that time


@dataclass(frozen=True, slots=True)
class FloorActions:
    """What the call does when the machine says so."""

    begin_utterance: Callable[[float], None]
    judge_pause: Callable[[int], None]
    duck: Callable[[], None]
    judge_overlap: Callable[[JudgeOverlap], None]
    resume: Callable[[], None]
    interrupt: Callable[[], None]
    overlap_over: Callable[[], None]
    end_turn: Callable[[EndTurn], None]
    speech_resumed: Callable[[float], None]


class FloorKeeper:
    """Holds the machine's state; finished turns and silence wait in `turns` for call.talk."""

    def __init__(self, parameters: TurnParameters, actions: FloorActions) -> None:
        """Run the machine with these parameters."""
        self._parameters = parameters
        self._actions = actions
        self.state = TurnState()
        self._opened = asyncio.Event()
        self.turns: asyncio.Queue[EndTurn | AskAgain | GiveUp] = asyncio.Queue(PENDING_TURNS)

    def feed(self, event: Event) -> None:
        """Advance the machine and carry out what it decides."""
        self.state, actions = advance(self.state, event, self._parameters)
        if self.state.floor is Floor.OPEN:
            self._opened.set()
        for action in actions:
            self._carry_out(action)

    async def until_open(self) -> None:
        """Wait until nobody speaks and nothing is being thought about."""
        while self.state.floor is not Floor.OPEN:
            self._opened.clear()
            await self._opened.wait()

    async def until_quiet(self, for_s: float, clock: CallClock) -> None:
        """Wait until nobody has spoken, and nothing was thought about, for so long."""
        await self.until_open()
        while (left_s := self.state.since + for_s - clock.monotonic()) > 0:
            await clock.sleep(left_s)
            await self.until_open()

    def shield(self, until: float) -> None:
        """Let nothing interrupt the agent before this time (loop seconds)."""
        self.state = replace(self.state, shield_until=until)

    def typed(self, at: float) -> None:
        """Tell the machine of a key: who types is there, and is not asked whether he is."""
        self.state = replace(self.state, asked=0)
        if self.state.floor is Floor.OPEN:
            self.state = replace(self.state, since=at)

    def expect_digits(self, count: int) -> None:
        """Tell the machine how many digits were asked for: they are dictated with pauses. 0: none."""
        self.state = replace(self.state, digits=count)

    def _carry_out(self, action: Action) -> None:
        match action:
            case BeginUtterance(since):
                self._actions.begin_utterance(since)
            case JudgePause(pause):
                self._actions.judge_pause(pause)
            case Duck():
                self._actions.duck()
            case JudgeOverlap():
                self._actions.judge_overlap(action)
            case Resume():
                self._actions.resume()
            case Interrupt():
                self._actions.interrupt()
            case OverlapOver():
                self._actions.overlap_over()
            case SpeechResumed(at):
                self._actions.speech_resumed(at)
            case EndTurn() | AskAgain() | GiveUp():
                if not self.turns.full():
                    if isinstance(action, EndTurn):
                        self._actions.end_turn(action)
                    self.turns.put_nowait(action)
