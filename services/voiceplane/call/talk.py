"""The conversation: opening, then turn by turn: words, reply, voice. One page to follow a call by.

Replies are made by call.replies, often before the turn is over; here they are spoken, and what was heard is kept.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.trace import Span

from voiceplane.call.attempt import Attempt, Event, ToolDone, ToolStarted
from voiceplane.call.ending import AGENT_HUNG_UP, CALLER_SILENT, TROUBLE, Ending
from voiceplane.call.listening import KeysPressed, Listening, said
from voiceplane.call.mouth import Mouth, Spoken
from voiceplane.call.patience import OutOfPatienceError
from voiceplane.call.recorder import Recorder, Turn
from voiceplane.call.replies import Replies
from voiceplane.call.site import Site
from voiceplane.call.speaking import Speaking
from voiceplane.call.timings import TurnTimings
from voiceplane.contract.agent import SlotType
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    PlannerUnavailableError,
    Say,
    ToolCall,
    Transfer,
)
from voiceplane.planner.filling import PARTIAL
from voiceplane.runtime import telemetry
from voiceplane.speech.errors import SpeechError
from voiceplane.speech.ports import Transcript
from voiceplane.turn.events import AskAgain, EndTurn, GiveUp
from voiceplane.turn.reading import takes_back

log = logging.getLogger(__name__)
SPANS = telemetry.tracer("voiceplane.call")
NEVER = float("inf")


@dataclass(slots=True)
class Steps:
    """What a reply asked for besides speech."""

    transfer: Transfer | None = None
    hang_up: HangUp | None = None
    intent: str = ""
    late: bool = False  # a tool's answer will come after the caller has moved on
    tool: ToolCall | None = None  # running


class Talk:
    """One call's conversation."""

    def __init__(
        self,
        site: Site,
        recorder: Recorder,
        mouth: Mouth,
        listening: Listening,
        *,
        replies: Replies,
        ending: Ending,
    ) -> None:
        """Talk with what the call is made of."""
        self._site = site
        self._spec = site.bundle.agent.spec
        self._recorder = recorder
        self._mouth = mouth
        self._listening = listening
        self._ending = ending
        self._replies = replies
        self._speaking = Speaking(site, recorder, mouth, listening)
        self._state = DialogueState()
        self._answering: asyncio.Task[None] | None = None
        self._committed = False  # the turn's end cannot be taken back any more
        self._late: Attempt | None = None  # its tool is slow, the conversation has moved on
        self.transfer_wanted: asyncio.Queue[Transfer] = asyncio.Queue(1)  # call.loop carries it out
        dialogue = listening.dialogue
        dialogue.maybe, dialogue.understood, dialogue.retract = self._maybe, self._replies.understood, self._retract
        dialogue.answers = lambda: self._state.confirming or bool(self._state.confirming_slot)

    @property
    def _call_id(self) -> str:
        return self._recorder.facts.call_id

    async def run(self) -> None:
        """Speak first, then answer until the call ends."""
        await self._speaking.turn([Say(self._spec.opening, constant=True)])
        while not self._ending.settled:
            await self._next()

    async def _next(self) -> None:
        self._site.hub.state(self._recorder.facts.call_id, "listening")
        match await self._heard():
            case EndTurn() as turn:
                await self._answer_retractably(turn)
            case KeysPressed(keys, at):
                timings = TurnTimings(at, at)
                self._speaking.begin()
                await self._answer(CallerSaid(keys, keys=True), timings)
            case AskAgain():
                await self._speaking.turn([Say(self._spec.silence.ask, constant=True)])
            case GiveUp():
                await self._speaking.turn([Say(self._spec.silence.goodbye, constant=True)])
                self._ending.settle(CALLER_SILENT)
            case Attempt() as late:
                await self._speak_late(late)

    async def _heard(self) -> EndTurn | AskAgain | GiveUp | KeysPressed | Attempt:
        """Wait for the caller, or for the answer of a slow tool while nobody speaks."""
        floor = self._listening.floor
        waiting: list[asyncio.Task[Any]] = [
            asyncio.create_task(floor.turns.get(), name="turn"),
            asyncio.create_task(self._listening.keys.get(), name="keys"),
        ]
        late = self._late
        if late is not None:
            waiting.append(asyncio.create_task(self._until_late_is_ready(late), name="late tool"))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            first = next(task for task in waiting if task.done())
            found: EndTurn | AskAgain | GiveUp | KeysPressed | Attempt = first.result()
            return found
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _until_late_is_ready(self, late: Attempt) -> Attempt:
        assert late.events is not None
        await late.events.done()
        await self._listening.floor.until_open()
        return late

    def _maybe(self, transcript: Transcript, told: Callable[[], None]) -> None:
        """Begin a reply to words that may be the turn's last."""
        self._replies.speculate(said(transcript), self._state, self._speaking.index + 1, told=told)

    async def _answer_retractably(self, turn: EndTurn) -> None:
        """Answer as a task of its own: the caller who goes on takes the turn's end back while nothing was heard."""
        self._committed = False
        self._answering = task = asyncio.create_task(self._answer_words(turn), name="answer")
        try:
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
        finally:
            self._answering = None
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _retract(self) -> bool:
        if self._answering is None or self._committed or self._speaking.begun:
            return False
        self._answering.cancel()
        self._site.hub.tell(self._recorder.facts.call_id, "retracted", {})
        return True

    async def _answer_words(self, turn: EndTurn) -> None:
        timings = TurnTimings(turn.spoken_until, turn.at, dict(self._listening.marks))
        with SPANS.start_as_current_span(f"invoke_agent {self._spec_name}") as span:
            self._describe(span)
            span.set_attributes(self._why_ended(turn))
            self._speaking.begin()
            try:
                transcript = await self._speaking.patiently(self._listening.words(turn))
            except (OutOfPatienceError, SpeechError):
                await self._give_up()
                return
            timings.marks["recognized"] = self._now()
            if not transcript.text:
                await self._speaking.nothing()
                return
            await self._answer(said(transcript), timings, span)

    async def _answer(self, given: CallerSaid, timings: TurnTimings, span: Span | None = None) -> None:
        hub, facts = self._site.hub, self._recorder.facts
        hub.state(facts.call_id, "thinking")
        hub.tell(facts.call_id, "heard", {"pii.text": given.text})
        if takes_back(given.text):
            self._drop_late()
        attempt = self._replies.take(given, self._state, self._speaking.index + 1)
        caller_turn = self._caller_turn(given, timings)
        steps, answered = Steps(), False
        try:
            await self._speak_reply(attempt, steps, timings)
            answered = True
        except (OutOfPatienceError, SpeechError, PlannerUnavailableError):
            await self._give_up()
            return
        finally:
            cost = self._replies.settle(attempt, used=answered or self._speaking.begun, late=attempt is self._late)
            if span is not None:
                span.set_attributes(cost)
        self._committed = True
        self._speaking.index += 1
        self._recorder.add(replace(caller_turn, intent=steps.intent))
        spoken = await self._speaking.finish(timings)
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

    async def _speak_reply(self, attempt: Attempt, steps: Steps, timings: TurnTimings) -> None:
        """Speak a reply as it comes; a caller who takes the floor while a tool runs lets it run on."""
        assert attempt.events is not None
        events = attempt.events.read()
        while True:
            event = await self._next_event(events, steps)
            if self._mouth.interrupted and steps.tool is not None:
                self._late = attempt
                return
            if event is None or self._mouth.interrupted:
                return
            timings.marks.setdefault("planned", self._now())
            await self._take(event, steps, timings)

    async def _next_event(self, events: Any, steps: Steps) -> Event | None:
        """Return the next event; None at the end, or when the caller takes the floor."""
        coming = asyncio.create_task(_next_or_none(events), name="next event")
        cut = asyncio.create_task(self._mouth.until_interrupted(), name="cut")

        async def either() -> Event | None:
            await asyncio.wait({coming, cut}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None

        try:
            return await self._speaking.patiently(either(), tool=steps.tool is not None)
        finally:
            for task in (coming, cut):
                task.cancel()
            await asyncio.gather(coming, cut, return_exceptions=True)

    async def _take(self, event: Event, steps: Steps, timings: TurnTimings) -> None:
        match event:
            case Say():
                await self._speaking.patiently(self._speaking.say(event))
            case ToolStarted(call):
                steps.tool = call
                if not self._spec.tool(call.tool).speculative:
                    self._committed = True
            case ToolDone(call, reply):
                steps.tool = None
                timings.marks["tool"] = self._now()
                self._site.hub.tell(
                    self._recorder.facts.call_id, "tool", {"tool": call.tool, "outcome": reply.outcome.value}
                )
            case Transfer():
                steps.transfer = event
            case HangUp():
                steps.hang_up = event
            case Done(state, intent):
                self._state = state
                steps.intent = intent or steps.intent
                self._listening.expect(self._digits_asked(state))

    async def _speak_late(self, late: Attempt) -> None:
        """Say what a slow tool brought, after the conversation has moved on."""
        self._late = None
        assert late.events is not None
        phrases = [event for event in _after_tool(late.events.so_far) if isinstance(event, Say)]
        if phrases:
            await self._speaking.turn([Say(self._spec.phrases.late, constant=True), *phrases])

    def _drop_late(self) -> None:
        """Forget a slow tool's answer: the caller does not want it any more. Its audit record stays."""
        late, self._late = self._late, None
        if late is not None and late.events is not None:
            late.events.cancel()
            self._site.hub.tell(self._recorder.facts.call_id, "tool-dropped", {})

    async def _give_up(self) -> None:
        """Say that it does not work and give the caller to a person, or let go."""
        await self._speaking.turn([Say(self._spec.phrases.tool_failed, constant=True)])
        if self._spec.escalation is not None and not self.transfer_wanted.full():
            self.transfer_wanted.put_nowait(Transfer("trouble", "The assistant had a technical problem."))
        else:
            self._ending.settle(TROUBLE)

    def close(self) -> None:
        """Stop the replies that are still being made."""
        self._replies.cancel()
        self._drop_late()

    async def transfer_failed(self) -> None:
        """Tell the caller that nobody could be reached; the conversation goes on."""
        await self._speaking.turn([Say("I am sorry, nobody could be reached just now.")])

    def _digits_asked(self, state: DialogueState) -> int:
        """Return how many digits are still wanted; 0 when none were asked for."""
        intents = {intent.name: intent for intent in self._spec.intents}
        if not state.asking or state.intent not in intents:
            return 0
        slot = intents[state.intent].slot(state.asking)
        if slot.type is not SlotType.DIGITS or slot.length is None:
            return 0
        return max(1, slot.length - len(dict(state.slots).get(slot.name + PARTIAL, "")))

    def _caller_turn(self, given: CallerSaid, timings: TurnTimings) -> Turn:
        wall = self._site.clock.wall_ns()
        ended = wall - int((self._now() - timings.spoken_until) * 1e9)
        return Turn(self._speaking.index, "caller", given.text, ended, ended)

    def _why_ended(self, turn: EndTurn) -> dict[str, str | float]:
        """Say in the trace what ended the turn: words and sound as the machine saw them."""
        state = self._listening.floor.state
        reading = state.reading.value if state.reading is not None else "unread"
        probability = -1.0 if state.probability is None else round(state.probability, 3)
        return {"voice.turn.reason": turn.reason, "voice.turn.reading": reading, "voice.turn.probability": probability}

    def _describe(self, span: Span) -> None:
        span.set_attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": self._spec_name,
                "gen_ai.conversation.id": self._call_id,
                "voice.turn.index": self._speaking.index + 1,
                "voice.policy.digest": self._site.bundle.policy_digest,
            }
        )

    @property
    def _spec_name(self) -> str:
        return self._site.bundle.agent.metadata.name

    def _now(self) -> float:
        return self._site.clock.monotonic()


async def _next_or_none(events: Any) -> Event | None:
    try:
        event: Event = await anext(events)
    except StopAsyncIteration:
        return None
    return event


def _after_tool(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return what came after the last tool's answer."""
    last = max((index for index, event in enumerate(events) if isinstance(event, ToolDone)), default=-1)
    return events[last + 1 :] if last >= 0 else ()
