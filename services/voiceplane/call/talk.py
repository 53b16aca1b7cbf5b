"""The conversation: opening, then turn by turn: words, reply, voice. One page to follow a call by.

Replies are made by call.replies, often before the turn is over; here they are spoken, and what was heard is kept.
While a person is asked to take the call (call.transfers) no turn is taken and no silence is asked about.
"""

from collections.abc import Callable
from dataclasses import replace

from opentelemetry.trace import Span

from voiceplane.call.attempt import Attempt, Event, ToolDone, ToolStarted
from voiceplane.call.ending import AGENT_HUNG_UP, CALLER_SILENT, TROUBLE, Ending
from voiceplane.call.heard import Planned, as_heard, planned
from voiceplane.call.keypad import KeysPressed
from voiceplane.call.late import PAUSE_S, Late, tell
from voiceplane.call.listening import Listening, said
from voiceplane.call.mouth import Spoken
from voiceplane.call.patience import OutOfPatienceError
from voiceplane.call.replies import Replies
from voiceplane.call.retractable import Retractable
from voiceplane.call.site import Site
from voiceplane.call.speaking import Speaking
from voiceplane.call.steps import Steps, digits_asked
from voiceplane.call.timings import TurnTimings, turn_attributes, why_ended
from voiceplane.call.transfers import Order, Transfers
from voiceplane.call.turns import Turn
from voiceplane.call.waiting import Waiting
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    PlannerUnavailableError,
    Say,
    Transfer,
)
from voiceplane.contract.proofs import proofs
from voiceplane.planner import render
from voiceplane.planner.aloud import for_the_ear
from voiceplane.runtime import telemetry
from voiceplane.speech.errors import SpeechError
from voiceplane.speech.ports import Transcript
from voiceplane.turn.events import AskAgain, EndTurn, GiveUp

SPANS = telemetry.tracer("voiceplane.call")
SUMMARIZED = 12  # heard turns that a summary is made of
Came = EndTurn | AskAgain | GiveUp | KeysPressed | Order | Attempt


class Talk:
    """One call's conversation."""

    def __init__(
        self,
        site: Site,
        speaking: Speaking,
        listening: Listening,
        *,
        replies: Replies,
        transfers: Transfers,
        ending: Ending,
    ) -> None:
        """Talk with what the call is made of."""
        self._site = site
        self._spec, self._name = for_the_ear(site.bundle.agent.spec), site.bundle.agent.metadata.name
        self._proofs = frozenset(intent.name for intent in proofs(self._spec))
        self._call_id = speaking.call_id
        self._speaking = speaking
        self._listening = listening
        self._ending = ending
        self._replies = replies
        self._transfers = transfers
        self._state = DialogueState()  # as it was heard, before the reply that is being spoken
        self._attempt: Attempt | None = None  # the reply that is being made and spoken
        self._unanswered: Turn | None = None  # what the caller said, until its reply is whole
        self._answering = Retractable()
        self._late = Late(lambda attempt: site.hub.tell(speaking.call_id, "tool-dropped", {}))
        self._wanted: Transfer | None = None  # by the dialogue, once its words were heard
        self._waiting: Waiting[Came] = Waiting(
            {"turn": listening.floor.turns.get, "keys": listening.keys.get, "order": transfers.ordered}
        )
        dialogue = listening.dialogue
        dialogue.maybe, dialogue.understood, dialogue.retract = self._maybe, self._replies.understood, self._retract
        dialogue.expected = self._replies.expected
        dialogue.answers = lambda: self._heard_state.confirming or bool(self._heard_state.confirming_slot)

    @property
    def _heard_state(self) -> DialogueState:
        """Return the dialogue's state as it was heard until now, with the tools that run."""
        state = self._state
        if self._attempt is not None:
            state = as_heard(self._planned(self._attempt), self._speaking.so_far, whole=False)
        return replace(state, running=self._late.running)

    def _planned(self, attempt: Attempt) -> Planned:
        events = attempt.events.so_far if attempt.events is not None else ()
        return planned(attempt.state, self._late.before(attempt, events))

    async def run(self) -> None:
        """Speak first, then answer until the call ends."""
        try:
            await self._speaking.turn([Say(self._spec.opening, constant=True)])
            while not self._ending.settled:
                await self._next()
                wanted, self._wanted = self._wanted, None
                if wanted is not None and self._spec.escalation is not None:
                    await self._hand_over(self._spec.escalation.target, wanted)
        finally:
            self._keep_rest()
            await self._waiting.close()

    def _keep_rest(self) -> None:
        """Put into the record what the end of the call cuts off: the words that wait for a reply, and what it said."""
        if self._unanswered is not None:
            self._speaking.index += 1
            self._speaking.keep(self._unanswered)
        self._speaking.end()

    async def _next(self) -> None:
        self._site.hub.state(self._call_id, "listening")
        match await self._heard():
            case EndTurn() as turn:
                await self._answering.run(self._answer_words(turn))
            case KeysPressed(keys) as typed:
                timings = TurnTimings(typed.since, typed.until, typed.at)
                self._speaking.begin()
                await self._answer(CallerSaid(keys, keys=True), timings)
            case AskAgain():
                await self._speaking.turn([Say(self._spec.silence.ask, constant=True)])
            case GiveUp():
                spoken = await self._speaking.turn([Say(self._spec.silence.goodbye, constant=True)])
                if not spoken.interrupted:  # else the caller is there after all
                    self._ending.settle(CALLER_SILENT)
            case Order(target):
                await self._hand_over(target, self._transfer(render.OPERATOR))
            case Attempt() as late:
                await self._speak_late(late)

    async def _heard(self) -> Came:
        """Wait for the caller, an operator, or the answer of a slow tool while nobody speaks."""
        return await self._waiting.next(self._until_late_is_ready() if self._late.running else None)

    async def _until_late_is_ready(self) -> Attempt:
        late = await self._late.next()
        await self._listening.floor.until_quiet(PAUSE_S, self._listening.clock)
        return late

    def _maybe(self, transcript: Transcript, told: Callable[[], None]) -> None:
        """Begin a reply to words that may be the turn's last."""
        self._replies.speculate(said(transcript), self._heard_state, self._speaking.index + 1, told=told)

    def _retract(self) -> bool:
        attempt = self._attempt
        if not self._answering.open or self._speaking.begun or (attempt and attempt.stands):
            return False
        self._unanswered = None
        if attempt is not None:
            attempt.stop()  # now: its tool must not begin before the answering task has ended
        self._answering.take_back()
        self._site.hub.tell(self._call_id, "retracted", {})
        return True

    async def _answer_words(self, turn: EndTurn) -> None:
        self._site.hub.state(self._call_id, "thinking")  # also while the recognizer is away
        timings = TurnTimings(turn.since, turn.spoken_until, turn.at, dict(self._listening.marks))
        with SPANS.start_as_current_span(f"invoke_agent {self._name}") as span:
            digest = self._site.bundle.policy_digest
            span.set_attributes(turn_attributes(self._name, self._call_id, self._speaking.index + 1, digest))
            span.set_attributes(why_ended(turn, self._listening.floor.state))
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
        self._site.hub.state(self._call_id, "thinking")
        attempt = self._replies.take(given, self._heard_state, self._speaking.index + 1)
        self._attempt = attempt
        self._unanswered = caller_turn = self._caller_turn(given, timings, attempt.state.intent)
        self._site.hub.tell(self._call_id, "heard", {"pii.text": self._speaking.shown(caller_turn)})
        steps, answered = Steps(), False
        try:
            await self._speak_reply(attempt, steps, timings)
            answered = True
        except (OutOfPatienceError, SpeechError, PlannerUnavailableError):
            self._attempt = self._unanswered = None
            self._speaking.index += 1
            self._speaking.keep(caller_turn)
            await self._give_up()
            return
        finally:
            cost = self._replies.settle(attempt, used=answered or self._speaking.begun, late=attempt in self._late)
            if span is not None:
                span.set_attributes(cost)
            if not answered:
                self._attempt = None
        self._answering.commit()
        self._unanswered = None
        self._speaking.index += 1
        self._speaking.keep(replace(caller_turn, intent=steps.intent))
        spoken = await self._speaking.finish(timings)
        self._state, self._attempt = as_heard(self._planned(attempt), spoken.text, whole=not spoken.interrupted), None
        self._listening.expect(digits_asked(self._spec, self._state))
        if span is not None:
            span.set_attributes({"voice.intent": steps.intent, "voice.heard.chars": len(spoken.text)})
        self._carry_out(steps, spoken)

    def _carry_out(self, steps: Steps, spoken: Spoken) -> None:
        """Transfer or hang up, unless the caller took the floor while that was being said."""
        if spoken.interrupted:
            return
        if steps.transfer is not None:
            self._wanted = steps.transfer
        elif steps.hang_up is not None:
            self._ending.settle(AGENT_HUNG_UP)

    async def _speak_reply(self, attempt: Attempt, steps: Steps, timings: TurnTimings) -> None:
        """Speak a reply as it comes; a caller who takes the floor while a tool runs lets it run on."""
        assert attempt.events is not None
        events = attempt.events.read()
        while True:
            event = await self._speaking.unless_cut(events, tool=steps.tool is not None)
            if self._speaking.cut and steps.tool is not None:
                self._late.add(attempt, steps.tool)
                return
            if event is None or self._speaking.cut:
                return
            timings.marks.setdefault("planned", self._now())
            await self._take(event, steps, timings)

    async def _take(self, event: Event, steps: Steps, timings: TurnTimings) -> None:
        match event:
            case Say():
                await self._speaking.patiently(self._speaking.say(event))
            case ToolStarted(call):
                steps.tool = call
                if not self._spec.tool(call.tool).speculative:
                    self._answering.commit()
            case ToolDone(call, reply):
                steps.tool = None
                timings.marks["tool"] = self._now()
                self._site.hub.tell(self._call_id, "tool", {"tool": call.tool, "outcome": reply.outcome.value})
            case Transfer():
                steps.transfer = event
            case HangUp():
                steps.hang_up = event
            case Done(state, intent):
                self._late.keep(state.running)
                if steps.intent not in self._proofs:  # a turn with a proof in it stays one, whatever goes on
                    steps.intent = intent or steps.intent
                if self._unanswered is not None:
                    self._unanswered = replace(self._unanswered, intent=steps.intent)
                self._listening.expect(digits_asked(self._spec, state))

    async def _speak_late(self, late: Attempt) -> None:
        """Say what a slow tool brought, after the conversation has moved on, and do what it asks for."""
        told = tell(self._late.take(late), self._state, self._spec.phrases)
        spoken = await self._speaking.turn(list(told.phrases))
        reply = planned(self._state, (*told.phrases, Done(told.state)))
        self._state = as_heard(reply, spoken.text, whole=not spoken.interrupted)
        self._carry_out(Steps(told.transfer, told.hang_up), spoken)

    async def _give_up(self) -> None:
        """Say that it does not work and give the caller to a person, or let go."""
        escalation = self._spec.escalation
        words = [self._spec.phrases.unable, *([escalation.say] if escalation is not None else [])]
        await self._speaking.turn([Say(sentence, constant=True) for sentence in words])
        if escalation is not None:
            self._wanted = self._transfer(render.TROUBLE)
        else:
            self._ending.settle(TROUBLE)

    def _transfer(self, reason: str) -> Transfer:
        return Transfer(
            reason,
            render.paragraph(self._site.bundle.agent.spec, self._heard_state, self._speaking.heard(SUMMARIZED), reason),
        )

    async def _hand_over(self, target: str, wanted: Transfer) -> None:
        """Give the call to a person; when nobody takes it the caller is told, and the conversation goes on."""
        self._site.hub.state(self._call_id, "transferring")
        self._replies.cancel()
        self._listening.transferring()
        if await self._transfers.carry_out(target, reason=wanted.reason, summary=wanted.summary):
            return
        self._waiting.forget("turn", "keys")  # said to nobody
        self._listening.forget_keys()
        await self._speaking.turn([Say(self._spec.phrases.unreachable, constant=True)])

    def close(self) -> None:
        """Stop the replies that are still being made."""
        self._replies.cancel()
        self._late.close()

    def _caller_turn(self, given: CallerSaid, timings: TurnTimings, at_hand: str) -> Turn:
        clock = self._listening.clock
        began, ended = clock.wall_ns_at(timings.spoken_since), clock.wall_ns_at(timings.spoken_until)
        proof = at_hand if at_hand in self._proofs else ""
        return Turn(self._speaking.index + 1, "caller", given.text, began, ended, proof=proof)

    def _now(self) -> float:
        return self._site.clock.monotonic()
