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
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from tests.call.virtual import LoopClock

from voiceplane.call.ending import Ending
from voiceplane.call.floor import FloorActions, FloorKeeper
from voiceplane.call.holding import CallClock
from voiceplane.call.hub import CallHub
from voiceplane.call.listening import Dialogue, KeysPressed
from voiceplane.call.mouth import Chunk, Mouth
from voiceplane.call.patience import Patience
from voiceplane.call.recorder import CallFacts, Recorder
from voiceplane.call.replies import Replies
from voiceplane.call.shields import Shield
from voiceplane.call.speaking import Speaking
from voiceplane.call.talk import Talk
from voiceplane.call.transfers import Order
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.contract.dialogue import ReplyEvent, ReplyRequest, ToolOutcome, ToolReply, ToolRequest, Transfer
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle
from voiceplane.speech.ports import InferenceTiming, RecognizedWord, Transcript
from voiceplane.turn.events import (
    AgentStarted,
    EndTurn,
    JudgeOverlap,
    OverlapJudged,
    Retracted,
    Tick,
    Transferring,
    TurnStands,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor
from voiceplane.turn.overlap import OverlapFacts, judge
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.reading import read

WORD_S = 0.1  # that the agent and the caller take for a word
TICK_S = 0.02


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


class Line:
    """Sends a word each WORD_S; like playout it fades, keeps the rest and goes on at a word."""

    def __init__(self) -> None:
        self.listening: Listening | None = None
        self._queue: deque[str] = deque()
        self._sent: list[str] = []
        self._suspended = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        speaking = False
        while True:
            if not self._queue or self._suspended:
                speaking = False
                self._changed.clear()
                await self._changed.wait()
                continue
            if not speaking and self.listening is not None:
                speaking = True
                self.listening.agent_started()
            word, count = self._queue[0], len(self._sent)
            await asyncio.sleep(WORD_S)
            if self._queue and self._queue[0] is word and not self._suspended and count == len(self._sent):
                self._sent.append(self._queue.popleft())
                self._changed.set()

    def begin(self) -> None:
        self._queue.clear()
        self._sent.clear()
        self._suspended = False
        self._changed.set()

    async def play(self, chunk: Chunk) -> None:
        self._queue += [word.text for word in chunk.words]
        self._changed.set()

    async def drained(self) -> None:
        while self._queue:
            self._changed.clear()
            await self._changed.wait()

    def clear(self) -> None:
        self._queue.clear()
        self._changed.set()

    def suspend(self) -> None:
        self._suspended = True

    def resume(self) -> None:
        self._suspended = False
        self._changed.set()

    def heard(self) -> str:
        return " ".join(self._sent)

    def shield(self, shield: Shield) -> None:
        pass

    def unshield(self) -> None:
        pass

    def remaining_s(self) -> float:
        return WORD_S * len(self._queue)


class Voice:
    """One chunk a word."""

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        for word in text.split():
            yield Chunk(Pcm(b"", 16000), (WordTime(word, 0.0, WORD_S * 1000),))


class Listening:
    """call.listening without sound: what the caller says is known at each pause."""

    def __init__(self, mouth: Mouth) -> None:
        self._mouth = mouth
        self._utterance: list[str] = []
        self._texts: dict[int, str] = {}
        self.clock = CallClock(LoopClock())
        self.marks: dict[str, float] = {}
        self.keys: asyncio.Queue[KeysPressed] = asyncio.Queue(4)
        self.first_packet = asyncio.Event()
        self.started_at = 0.0
        self.dialogue = Dialogue()
        self.floor = FloorKeeper(
            TurnParameters(ask_after_s=60.0),
            FloorActions(
                begin_utterance=lambda since: self._utterance.clear(),
                judge_pause=self._pause,
                duck=mouth.duck,
                judge_overlap=self._judge,
                resume=mouth.resume,
                interrupt=mouth.interrupt,
                overlap_over=lambda: None,
                end_turn=lambda turn: None,
                speech_resumed=self._resumed,
            ),
        )

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.floor.feed(Tick(self._now()))

    def transferring(self) -> None:
        self.floor.feed(Transferring(self._now()))

    def forget_keys(self) -> None:
        pass

    def agent_started(self) -> None:
        self.started_at = self._now()
        self.first_packet.set()
        self.floor.feed(AgentStarted(self.started_at))

    async def hears(self, text: str) -> None:
        """Hear words at the speed of speech, then a pause."""
        self.floor.feed(SpeechStarted(self._now()))
        await asyncio.sleep(WORD_S * len(text.split()))
        self._utterance.append(text)
        self.floor.feed(SpeechPaused(self._now(), self._now()))

    async def words(self, turn: EndTurn) -> Transcript:
        return _transcript(self._texts.get(turn.pause, ""))

    def cut_marks(self) -> dict[str, float]:
        return {}

    def expect(self, digits: int) -> None:
        self.dialogue.digits = digits
        self.floor.expect_digits(digits)

    def _pause(self, pause: int) -> None:
        self._texts[pause] = text = " ".join(self._utterance)
        asyncio.get_running_loop().call_later(0.05, self._read, pause, text)

    def _read(self, pause: int, text: str) -> None:
        if self.floor.state.floor in (Floor.PAUSED, Floor.CALLER):
            self.dialogue.maybe(_transcript(text), lambda: self._feed_words(pause, text))
        self._feed_words(pause, text)

    def _feed_words(self, pause: int, text: str) -> None:
        reading = read(text, digits_wanted=self.dialogue.digits, understood=self.dialogue.understood())
        self.floor.feed(WordsRead(self._now(), pause, reading))

    def _judge(self, question: JudgeOverlap) -> None:
        text = " ".join(self._utterance) if question.ended else None
        since_s = self._now() - question.since
        facts = OverlapFacts(since_s, min(since_s, 0.5), question.ended, text, None, self.dialogue.answers())
        kind = judge(facts)
        if kind is not None:
            self.floor.feed(OverlapJudged(self._now(), question.overlap, kind))

    def _resumed(self, at: float) -> None:
        if self.dialogue.retract():
            self.floor.feed(Retracted(at))
        elif self.started_at:
            self.floor.feed(TurnStands(at))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


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


def _transcript(text: str) -> Transcript:
    words = tuple(RecognizedWord(word, 0.0, 0.0, 1.0) for word in text.split())
    return Transcript(text, words, 0.0, InferenceTiming(0.0, 0.0, 0.0))
