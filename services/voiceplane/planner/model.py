"""The model planner: a language model converses, the agent's own steps act. Falls back to the flow planner.

What was asked for by the agent (digits, a yes) is read by the flow planner first: a model is no reader of digits. So is
a wish in the words of an example: it is done in 20 ms, and with any model. All else goes to the model, which talks or
wishes for an intent; a wish is checked (wishes.py) and carried out by steps.py as if the flow planner had understood
it. So questions, confirmations, tools and what is said of their results are the designer's, and no word of a caller or
a model can change them. While the caller proves who he is the model is not asked at all, and no request to it holds
the proof (prompt.py). An endpoint that is away, slow or talks nonsense costs the caller nothing but its deadline: the
flow planner answers.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from opentelemetry.trace import Span

from voiceplane.contract.agent import ModelPlanner, VoiceAgentSpec
from voiceplane.contract.dialogue import TALK, CallerSaid, Done, ReplyEvent, ReplyRequest, Say
from voiceplane.contract.proofs import proofs
from voiceplane.planner import ear, filling, prompt, speech, wishes
from voiceplane.planner.aloud import for_the_ear
from voiceplane.planner.chat import End, FunctionCall, Text
from voiceplane.planner.endpoint import Deadlines, Endpoint, EndpointError, EndpointNonsenseError, EndpointRefusedError
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import CERTAIN, PERSON, built_in
from voiceplane.planner.spans import Spent, chat_span
from voiceplane.planner.steps import Steps, Turn, pairs, question
from voiceplane.planner.words import MAX_WORDS, heard_words

log = logging.getLogger(__name__)
ROUNDS = 2  # a wish that is refused is told to the model once
FAILURES, REST_S = 3, 10.0  # after so many failures in a row the model is not asked for so long


@dataclass(slots=True)
class _Reply:
    """A reply in the making."""

    turn: Turn
    text: str
    deadlines: Deadlines
    messages: list[dict[str, Any]]
    known: str  # all that the model was told: numbers that are not in it were invented
    said: list[str] = field(default_factory=list)
    end: End | None = None


class ModelBrain:
    """The brain of one agent revision whose planner is a model."""

    def __init__(
        self,
        spec: VoiceAgentSpec,
        settings: ModelPlanner,
        flow: FlowPlanner,
        spent: Spent = lambda kind, number: None,
    ) -> None:
        """Converse for this agent; `flow` answers where the model cannot or need not, `spent` is told of tokens."""
        self._spent = spent
        self._spec, self._settings, self._flow = spec, settings, flow
        self._spoken = for_the_ear(spec)
        self._steps = Steps(self._spoken)
        self._intents = frozenset(intent.name for intent in spec.intents)
        self._proofs = frozenset(intent.name for intent in proofs(spec))
        self._functions = prompt.functions(spec)
        self._endpoint: Endpoint | None = None
        self._failures, self._rests_until = 0, 0.0

    async def close(self) -> None:
        """Close the connections to the endpoint."""
        if self._endpoint is not None:
            await self._endpoint.close()

    async def stream(self, request: ReplyRequest, span: Span) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply as it comes, Done last; closing the generator stops the model."""
        events = await asyncio.to_thread(lambda: tuple(self._flow.reply(request)))
        now = asyncio.get_running_loop().time()
        if not self._is_for_model(request, events) or now < self._rests_until:
            span.set_attribute("voice.planner.brain", "flow")
            for event in events:
                yield event
            return
        span.set_attribute("voice.planner.brain", "model")
        async with aclosing(self._converse(self._reply(request, now), span)) as reply:
            try:
                async for event in reply:
                    yield event
                self._failures = 0
                return
            except EndpointError as error:
                self._failed(error, span)
        for event in events:
            yield event

    def _is_for_model(self, request: ReplyRequest, events: tuple[ReplyEvent, ...]) -> bool:
        """Say whether the model is to answer: the caller spoke, and not what was asked for or is as clear as can be."""
        said = request.input
        if not isinstance(said, CallerSaid) or said.keys or not heard_words(said):
            return False
        if built_in(said.text) == PERSON or request.state.intent in self._proofs:
            return False
        state, done = request.state, events[-1]
        asked = bool(state.asking or state.confirming or state.confirming_slot)
        if not isinstance(done, Done) or done.confidence <= 0 or done.state.unsure > state.unsure:
            return True
        if done.state.running != state.running:
            return False  # what runs is dropped or changed: no word of a model may stand in between
        return not asked and not (done.intent in self._intents and done.confidence >= CERTAIN)

    def _failed(self, error: EndpointError, span: Span) -> None:
        """Count a failure; an endpoint that keeps failing is left alone for a while."""
        span.set_attribute("voice.planner.fallback", error.kind)
        self._failures += 1
        log.warning("the model planner's endpoint failed", extra={"kind": error.kind, "reason": str(error)})
        rest_s = error.retry_after_s if isinstance(error, EndpointRefusedError) else 0.0
        if self._failures >= FAILURES:
            rest_s = max(rest_s, REST_S)
        self._rests_until = max(self._rests_until, asyncio.get_running_loop().time() + rest_s)

    def _reply(self, request: ReplyRequest, now: float) -> _Reply:
        assert isinstance(request.input, CallerSaid)
        text = heard_words(request.input)[:MAX_WORDS]
        settings = self._settings
        deadlines = Deadlines(now + settings.first_token, now + settings.first_phrase, now + settings.timeout)
        deadlines.whole = max(deadlines.whole, deadlines.words)
        turn = self._flow.turn(request)
        messages = prompt.messages(self._spec, settings, turn.request, text)
        known = " ".join(str(message["content"]) for message in messages)
        return _Reply(turn, text, deadlines, messages, known)

    async def _converse(self, reply: _Reply, span: Span) -> AsyncGenerator[ReplyEvent, None]:
        """Let the model speak and wish; EndpointError as long as nothing was said."""
        if self._endpoint is None:
            self._endpoint = Endpoint(self._settings)  # here: its connections belong to this event loop
        for _ in range(ROUNDS):
            async with aclosing(self._speak(reply, span)) as phrases:
                async for phrase in phrases:
                    yield Say(_aloud(phrase, reply.turn))
            call = reply.end.calls[0] if reply.end is not None and reply.end.calls else None
            if call is None:
                break
            wish = self._wish(reply, call)
            if isinstance(wish, wishes.Wish):
                for event in self._carry_out(reply.turn, wish):
                    yield event
                return
            span.set_attribute("voice.planner.refused_wish", True)
            reply.messages += _told(call, wish.reason)
        if not reply.said:
            raise EndpointNonsenseError("no words and no function of this agent")
        for event in self._talked(reply):
            yield event

    async def _speak(self, reply: _Reply, span: Span) -> AsyncGenerator[str, None]:
        """Yield phrases while the model makes them; a reply that goes wrong after some ends there."""
        assert self._endpoint is not None
        cutter, loop = speech.Cutter(), asyncio.get_running_loop()
        reply.end = None
        endpoint = self._endpoint
        with chat_span(self._settings, endpoint.host, endpoint.port, span, spent=self._spent) as facts:
            try:
                async with aclosing(self._endpoint.chat(reply.messages, self._functions, reply.deadlines)) as pieces:
                    async for piece in pieces:
                        found: Iterable[str]
                        if isinstance(piece, Text):
                            facts.token(loop.time())
                            found = cutter.feed(piece.text)
                        else:
                            reply.end = piece
                            facts.ended(piece)
                            found = [] if piece.finish_reason == "length" and reply.said else cutter.flush()
                        for phrase in found:
                            self._check(reply, phrase)
                            yield phrase
            except EndpointError as error:
                facts.failed(error.kind)
                if not reply.said:
                    raise

    def _check(self, reply: _Reply, phrase: str) -> None:
        """Keep a phrase that may be spoken; EndpointNonsenseError for another, and where a reply has no end."""
        reason = speech.senseless(phrase, reply.said, reply.known)
        if reason is None and len(reply.said) >= speech.MAX_PHRASES:
            reason = "no-end"
        if reason is not None:
            raise EndpointNonsenseError(reason)
        reply.said.append(phrase)
        reply.deadlines.spoken = True

    def _wish(self, reply: _Reply, call: FunctionCall) -> wishes.Wish | wishes.Refusal:
        turn = reply.turn
        before = tuple(each.text for each in turn.request.history if each.speaker == "caller")
        known = dict(turn.state.slots)
        if call.name in turn.state.done_intents:  # the next parcel, not the last one again
            known = filling.without(known, *self._spec.intent(call.name).slots)
        return wishes.read(self._spec, call, wishes.Said(reply.text, before), known, turn.locale)

    def _carry_out(self, turn: Turn, wish: wishes.Wish) -> Iterable[ReplyEvent]:
        if wish.builtin == prompt.PERSON:
            return self._steps.transfer(turn, replace(turn.state, unsure=0), "requested")
        if wish.intent is None:
            return self._steps.goodbye(turn.state)
        known = pairs(dict(wish.known))
        state = replace(turn.state, intent=wish.intent.name, slots=known, unsure=0, asking="", wanted="")
        return self._steps.advance(turn, wish.intent, state)

    def _talked(self, reply: _Reply) -> Iterable[ReplyEvent]:
        """End a turn of conversation; what was asked before is asked again unless the model did."""
        turn = reply.turn
        said = " ".join(_aloud(phrase, turn) for phrase in reply.said)
        if turn.state.asking and not said.rstrip().endswith("?"):
            slot = self._spoken.intent(turn.state.intent).slot(turn.state.asking)
            again = question(slot, dict(turn.state.slots))
            yield Say(again)
            said = f"{said} {again}"
        yield Done(replace(turn.state, last_reply=said, unsure=0), TALK, 1.0)


def _told(call: FunctionCall, reason: str) -> list[dict[str, Any]]:
    """Write a refused wish as the model will read it."""
    name = call.id or "call-1"
    function = {"name": call.name[:64], "arguments": "{}"}
    return [
        {"role": "assistant", "content": "", "tool_calls": [{"id": name, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": name, "content": f"Refused: {reason}."},
    ]


def _aloud(phrase: str, turn: Turn) -> str:
    return ear.written(phrase, british=turn.locale.day_first, today=turn.locale.today)
