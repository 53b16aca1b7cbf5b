"""The conversation: opening, then turn by turn: words, planner, tools, voice. One page to follow a call by."""

import asyncio
import contextlib
import datetime
import logging
import uuid
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from opentelemetry.trace import Span

from voiceplane.call.ending import AGENT_HUNG_UP, CALLER_SILENT, TROUBLE, Ending
from voiceplane.call.listening import KeysPressed, Listening, said
from voiceplane.call.mouth import Mouth, Spoken
from voiceplane.call.patience import OutOfPatienceError, bridged, retried
from voiceplane.call.recorder import Recorder, Turn
from voiceplane.call.site import Site
from voiceplane.contract.agent import SlotType
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    HeardTurn,
    PlannerUnavailableError,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
    ToolOutcome,
    ToolReply,
    ToolRequest,
    ToolResult,
    ToolsUnavailableError,
    Transfer,
)
from voiceplane.runtime import telemetry
from voiceplane.runtime.metrics import TURN_LATENCY
from voiceplane.speech.errors import SpeechError
from voiceplane.turn.machine import AgentFinished, AskAgain, EndTurn, GiveUp

log = logging.getLogger(__name__)
SPANS = telemetry.tracer("voiceplane.call")
MAX_ROUNDS = 4  # planner and tools in one turn: a loop between them ends here
T = TypeVar("T")
HISTORY = 12  # heard turns that the planner sees


@dataclass(slots=True)
class TurnTimings:
    """When the stages of a turn were done, loop seconds."""

    spoken_until: float
    ended_at: float
    marks: dict[str, float] = field(default_factory=dict)

    def milliseconds(self, started_at: float) -> tuple[tuple[str, float], ...]:
        """Return each stage counted from the caller's last sound."""
        marks = {"endpointing": self.ended_at, **self.marks, "first_audio": started_at}
        return tuple((name, round((at - self.spoken_until) * 1000, 1)) for name, at in marks.items())


@dataclass(slots=True)
class Steps:
    """What a reply asked for besides speech."""

    tool: ToolCall | None = None
    transfer: Transfer | None = None
    hang_up: HangUp | None = None
    intent: str = ""


class Talk:
    """One call's conversation."""

    def __init__(self, site: Site, recorder: Recorder, mouth: Mouth, listening: Listening, ending: Ending) -> None:
        """Talk with what the call is made of."""
        self._site = site
        self._spec = site.bundle.agent.spec
        self._recorder = recorder
        self._mouth = mouth
        self._listening = listening
        self._ending = ending
        self._state = DialogueState()
        self._index = 0
        self.transfer_wanted: asyncio.Queue[Transfer] = asyncio.Queue(1)  # call.loop carries it out

    @property
    def _call_id(self) -> str:
        return self._recorder.facts.call_id

    async def run(self) -> None:
        """Speak first, then answer until the call ends."""
        await self._speak_turn([Say(self._spec.opening, constant=True)])
        while not self._ending.settled:
            await self._next()

    async def _next(self) -> None:
        self._site.hub.state(self._recorder.facts.call_id, "listening")
        match await self._heard():
            case EndTurn() as turn:
                await self._answer_words(turn)
            case KeysPressed(keys, at):
                timings = TurnTimings(at, at)
                self._begin_turn()
                await self._answer(CallerSaid(keys, keys=True), timings)
            case AskAgain():
                await self._speak_turn([Say(self._spec.silence.ask, constant=True)])
            case GiveUp():
                await self._speak_turn([Say(self._spec.silence.goodbye, constant=True)])
                self._ending.settle(CALLER_SILENT)

    async def _heard(self) -> EndTurn | AskAgain | GiveUp | KeysPressed:
        spoken = asyncio.create_task(self._listening.floor.turns.get(), name="turn")
        typed = asyncio.create_task(self._listening.keys.get(), name="keys")
        try:
            await asyncio.wait({spoken, typed}, return_when=asyncio.FIRST_COMPLETED)
            return typed.result() if typed.done() else spoken.result()
        finally:
            for task in (spoken, typed):
                task.cancel()
            await asyncio.gather(spoken, typed, return_exceptions=True)

    async def _answer_words(self, turn: EndTurn) -> None:
        timings = TurnTimings(turn.spoken_until, turn.at)
        with SPANS.start_as_current_span(f"invoke_agent {self._spec_name}") as span:
            self._describe(span)
            self._begin_turn()
            try:
                transcript = await self._patiently(self._listening.words(turn))
            except (OutOfPatienceError, SpeechError):
                await self._give_up()
                return
            timings.marks["recognized"] = self._now()
            if not transcript.text:
                await self._nothing_was_said()
                return
            await self._answer(said(transcript), timings, span)

    async def _answer(self, given: CallerSaid, timings: TurnTimings, span: Span | None = None) -> None:
        hub, facts = self._site.hub, self._recorder.facts
        hub.state(facts.call_id, "thinking")
        hub.tell(facts.call_id, "heard", {"pii.text": given.text})
        self._index += 1
        caller_turn = self._caller_turn(given, timings)
        steps = Steps()
        try:
            await self._rounds(given, steps, timings)
        except (OutOfPatienceError, SpeechError):
            await self._give_up()
            return
        self._recorder.add(replace(caller_turn, intent=steps.intent))
        spoken = await self._finish(timings)
        if span is not None:
            span.set_attributes({"voice.intent": steps.intent, "voice.heard.chars": len(spoken.text)})
        self._carry_out(steps, spoken)

    def _carry_out(self, steps: Steps, spoken: Spoken) -> None:
        """Transfer or hang up, unless the caller took the floor while that was being said."""
        if spoken.interrupted:
            return
        if steps.transfer is not None:
            if self._spec.escalation is not None and not self.transfer_wanted.full():
                self.transfer_wanted.put_nowait(steps.transfer)
        elif steps.hang_up is not None:
            self._ending.settle(AGENT_HUNG_UP)

    async def _rounds(self, given: CallerSaid, steps: Steps, timings: TurnTimings) -> None:
        """Ask the planner, run the tool it wants, and ask again with the result."""
        question: CallerSaid | ToolResult = given
        for _ in range(MAX_ROUNDS):
            steps.tool = None
            await self._patiently(self._one_reply(question, steps, timings))
            if steps.tool is None or self._mouth.interrupted:
                return
            reply = await self._patiently(self._run_tool(steps.tool))
            timings.marks["tool"] = self._now()
            question = ToolResult(steps.tool.tool, reply.outcome, reply.result_json)
        log.error("planner and tools did not come to an end", extra={"rounds": MAX_ROUNDS})

    async def _one_reply(self, question: CallerSaid | ToolResult, steps: Steps, timings: TurnTimings) -> None:
        request = ReplyRequest(
            self._recorder.facts.call_id,
            self._site.agent,
            self._site.bundle.revision,
            self._index,
            uuid.uuid4().hex,
            self._state,
            question,
            datetime.datetime.fromtimestamp(self._site.clock.wall_ns() / 1e9).date().isoformat(),
            tuple(HeardTurn(turn.speaker, turn.text) for turn in self._recorder.turns[-HISTORY:]),
        )
        events = await retried(
            lambda: self._collect_first(request), on=(PlannerUnavailableError,), give_up_s=self._site.patience.give_up_s
        )
        async with contextlib.aclosing(events) as reply:
            async for event in reply:
                timings.marks.setdefault("planned", self._now())
                if self._mouth.interrupted:
                    return
                await self._take(event, steps)

    async def _collect_first(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """Get a reply whose first event has come: until then another replica may be asked without harm."""
        events = self._site.planner.reply(request)
        first = await anext(events)

        async def whole() -> AsyncGenerator[ReplyEvent, None]:
            yield first
            async for event in events:
                yield event

        return whole()

    async def _take(self, event: ReplyEvent, steps: Steps) -> None:
        match event:
            case Say(text, constant):
                await self._mouth.phrase(text, constant=constant)
            case ToolCall():
                steps.tool = event
            case Transfer():
                steps.transfer = event
            case HangUp():
                steps.hang_up = event
            case Done(state, intent):
                self._state = state
                steps.intent = intent or steps.intent
                self._listening.floor.expect_digits(self._expects_digits(state))

    async def _run_tool(self, call: ToolCall) -> ToolReply:
        facts = self._recorder.facts
        key = uuid.uuid5(uuid.UUID(facts.call_id), f"{self._index}/{call.intent}/{call.arguments_json}").hex
        request = ToolRequest(
            facts.call_id,
            self._site.agent,
            self._site.bundle.revision,
            self._index,
            call.intent,
            call.tool,
            call.arguments_json,
            key,
        )
        try:
            reply = await retried(
                lambda: self._site.tools.invoke(request),
                on=(ToolsUnavailableError,),
                give_up_s=self._site.patience.give_up_s / 2,
            )
        except ToolsUnavailableError:
            reply = ToolReply(ToolOutcome.FAILED, "", "the tool gateway is away", 0)
        self._site.hub.tell(facts.call_id, "tool", {"tool": call.tool, "outcome": reply.outcome.value})
        return reply

    async def _finish(self, timings: TurnTimings | None = None) -> Spoken:
        """Wait until the agent's turn was heard, and keep what was."""
        started_ns = self._site.clock.wall_ns()
        spoken = await self._mouth.finish()
        now = self._now()
        heard = self._listening.first_packet.is_set()
        latency = timings.milliseconds(self._listening.started_at) if timings and heard else ()
        if timings and heard:
            TURN_LATENCY.observe(max(0.0, self._listening.started_at - timings.spoken_until))
        self._recorder.add(
            Turn(self._index, "agent", spoken.text, started_ns, self._site.clock.wall_ns(), timings_ms=latency)
        )
        call_id = self._recorder.facts.call_id
        facts = {"pii.text": spoken.text, "interrupted": str(spoken.interrupted).lower()}
        self._site.hub.tell(call_id, "said", facts | {f"ms.{name}": str(value) for name, value in latency})
        if not spoken.interrupted:
            self._listening.floor.feed(AgentFinished(now))
        return spoken

    async def _speak_turn(self, sentences: list[Say]) -> None:
        """Speak constant sentences as a turn of their own."""
        self._site.hub.state(self._recorder.facts.call_id, "speaking")
        self._begin_turn()
        for sentence in sentences:
            await self._mouth.phrase(sentence.text, constant=sentence.constant)
        await self._finish()

    async def _patiently(self, work: Coroutine[Any, Any, T]) -> T:
        words = self._spec.phrases
        return await bridged(
            work,
            patience=self._site.patience,
            say_bridge=lambda: self._bridge(words.bridge),
            say_trouble=lambda: self._bridge(words.trouble),
        )

    async def _bridge(self, sentence: str) -> None:
        """Say a cached sentence while something is slow; it belongs to the turn that is being made."""
        self._site.hub.tell(self._recorder.facts.call_id, "bridge", {})
        await self._mouth.interject(sentence)

    def _begin_turn(self) -> None:
        """Begin a turn of the agent: what is heard from now on belongs to it."""
        self._mouth.begin()
        self._listening.first_packet.clear()

    async def _nothing_was_said(self) -> None:
        """Open the floor after a noise; a bridge that was begun is heard out first."""
        if self._listening.first_packet.is_set():
            await self._finish()
        else:
            self._listening.floor.feed(AgentFinished(self._now()))

    async def _give_up(self) -> None:
        """Say that it does not work and give the caller to a person, or let go."""
        await self._speak_turn([Say(self._spec.phrases.tool_failed, constant=True)])
        if self._spec.escalation is not None and not self.transfer_wanted.full():
            self.transfer_wanted.put_nowait(Transfer("trouble", "The assistant had a technical problem."))
        else:
            self._ending.settle(TROUBLE)

    async def transfer_failed(self) -> None:
        """Tell the caller that nobody could be reached; the conversation goes on."""
        await self._speak_turn([Say("I am sorry, nobody could be reached just now.")])

    def _expects_digits(self, state: DialogueState) -> bool:
        intents = {intent.name: intent for intent in self._spec.intents}
        if not state.asking or state.intent not in intents:
            return False
        return intents[state.intent].slot(state.asking).type is SlotType.DIGITS

    def _caller_turn(self, given: CallerSaid, timings: TurnTimings) -> Turn:
        wall = self._site.clock.wall_ns()
        ended = wall - int((self._now() - timings.spoken_until) * 1e9)
        return Turn(self._index, "caller", given.text, ended, ended)

    def _describe(self, span: Span) -> None:
        span.set_attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": self._spec_name,
                "gen_ai.conversation.id": self._call_id,
                "voice.turn.index": self._index + 1,
                "voice.policy.digest": self._site.bundle.policy_digest,
            }
        )

    @property
    def _spec_name(self) -> str:
        return self._site.bundle.agent.metadata.name

    def _now(self) -> float:
        return self._site.clock.monotonic()
