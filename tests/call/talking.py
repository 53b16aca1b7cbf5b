"""Talk with its replies, mouth, floor and turn machine as in a call, on virtual time; caller, line and tools are fakes.

async def conversation() -> None:
    async with talking(bundle, planner, Tools({"parcel-status": 5.0})) as call:
        await call.says("where is my parcel")
        await call.waits(3.0)
    assert call.lines == [...]

virtually(conversation())
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from tests.call.silent_line import TICK_S, Line, Listening, Voice
from tests.call.virtual import LoopClock

from voiceplane.call.ending import Ending
from voiceplane.call.hub import CallHub
from voiceplane.call.mouth import Mouth
from voiceplane.call.patience import Patience
from voiceplane.call.recorder import CallFacts, Recorder
from voiceplane.call.replies import Replies
from voiceplane.call.speaking import Speaking
from voiceplane.call.talk import Talk
from voiceplane.call.transfers import Order
from voiceplane.contract.dialogue import ReplyEvent, ReplyRequest, ToolOutcome, ToolReply, ToolRequest, Transfer
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle
from voiceplane.turn.machine import Floor


class Brain(Protocol):
    """What replies: a planner without its process."""

    def reply(self, request: ReplyRequest) -> Any:
        """Return the events of a reply."""
        ...


class Planner:
    """A planner port around a brain; keeps what it was asked."""

    def __init__(self, brain: Brain) -> None:
        self._brain = brain
        self.asked: list[ReplyRequest] = []

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        self.asked.append(request)
        await asyncio.sleep(0.02)
        for event in self._brain.reply(request):
            yield event


@dataclass
class Tools:
    """Answers after so many seconds; like the tool gateway it ends and records what nobody waits for any more."""

    delays: dict[str, float] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    asked: list[ToolRequest] = field(default_factory=list)
    audited: list[str] = field(default_factory=list)
    invoked: Callable[[], object] = lambda: None
    _tasks: list["asyncio.Task[ToolReply]"] = field(default_factory=list)

    async def invoke(self, request: ToolRequest) -> ToolReply:
        self.asked.append(request)
        self.invoked()
        task = asyncio.create_task(self._run(request))
        self._tasks.append(task)
        return await asyncio.shield(task)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(self, request: ToolRequest) -> ToolReply:
        await asyncio.sleep(self.delays.get(request.tool, 0.0))
        self.audited.append(request.arguments_json)
        if request.tool in self.failing:
            return ToolReply(ToolOutcome.FAILED, "", "away", 1)
        return ToolReply(ToolOutcome.OK, self.results.get(request.tool, "{}"), "", 1)


@dataclass
class Talking:
    """A running conversation."""

    talk: Talk
    listening: Listening
    planner: Planner
    tools: Tools
    recorder: Recorder
    ending: Ending
    hub: CallHub
    transfers: list[Transfer]
    told: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Return what was said and heard until now, in the order of the record."""
        return [f"{turn.speaker}: {turn.text}" for turn in self.recorder.turns if turn.text]

    async def says(self, text: str) -> None:
        """Let the caller say something now, whatever the agent does."""
        await self.listening.hears(text)

    async def waits(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def speaks(self) -> bool:
        """Say whether the agent speaks now."""
        return self.listening.floor.state.floor is Floor.AGENT

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until something holds; a minute at most."""
        async with asyncio.timeout(60.0):
            while not what():  # noqa: ASYNC110  virtual time: a look each tick costs nothing
                await asyncio.sleep(TICK_S)

    async def hears_out(self) -> None:
        """Wait until the caller is expected to speak."""
        await asyncio.sleep(TICK_S)
        await self.listening.floor.until_open()


@contextlib.asynccontextmanager
async def talking(bundle: Bundle, brain: Brain, tools: Tools) -> AsyncIterator[Talking]:
    """Begin a conversation, past its opening; it ends with the block."""
    clock = LoopClock()
    line, planner, hub = Line(), Planner(brain), CallHub(clock.wall_ns)
    facts = CallFacts(CallId("0" * 32), "sip", "", "", clock.wall_ns())
    recorder, ending = Recorder(facts, bundle), Ending()
    site = _Site(bundle, clock, planner, tools, hub)
    async with asyncio.TaskGroup() as tasks:
        mouth = Mouth(Voice(), line)
        listening = line.listening = Listening(mouth)
        replies = Replies(cast(Any, site), recorder, tasks, _Unrehearsed())
        transfers, heard = Transfers(), cast(Any, listening)
        speaking = Speaking(cast(Any, site), recorder, mouth, heard)
        fakes = cast(Any, transfers)
        talk = Talk(cast(Any, site), speaking, heard, replies=replies, transfers=fakes, ending=ending)
        call = Talking(talk, listening, planner, tools, recorder, ending, hub, transfers.wanted)
        running = [
            tasks.create_task(line.run(), name="line"),
            tasks.create_task(listening.run(), name="listen"),
            tasks.create_task(_told(call), name="told"),
            tasks.create_task(talk.run(), name="talk"),
        ]
        await call.hears_out()
        try:
            yield call
        finally:
            talk.close()
            for task in running:
                task.cancel()
            tools.close()


class _Unrehearsed:
    def rehearse(self, text: str) -> None:
        pass

    def forget(self, *, unless: str = "") -> None:
        pass


@dataclass
class _Site:
    """What of a site Talk and Replies ask for."""

    bundle: Bundle
    clock: LoopClock
    planner: Planner
    tools: Tools
    hub: CallHub
    patience: Patience = field(default_factory=Patience)
    agent: str = "support/parcel-desk"


class Transfers:
    """Nobody orders one; those that are wanted are carried out at once."""

    def __init__(self) -> None:
        self.wanted: list[Transfer] = []

    async def ordered(self) -> Order:
        await asyncio.Event().wait()
        raise AssertionError

    async def carry_out(self, target: str, *, reason: str, summary: str) -> bool:
        self.wanted.append(Transfer(reason, summary))
        return True


async def _told(call: Talking) -> None:
    async for event in call.hub.watch(""):
        call.told.append(event.kind)
