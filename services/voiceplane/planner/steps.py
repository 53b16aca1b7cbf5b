"""What the agent does next about an intent: ask, confirm, run the tool, answer, hand over, end. Read by flow. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from voiceplane.contract.agent import Intent, Slot, VoiceAgentSpec
from voiceplane.contract.dialogue import (
    DialogueState,
    Done,
    HangUp,
    ReplyEvent,
    ReplyRequest,
    RunningTool,
    Say,
    ToolCall,
    ToolOutcome,
    ToolResult,
    Transfer,
)
from voiceplane.planner import proving, slots
from voiceplane.planner.filling import CONFIRMED, MAX_UNSURE, PARTIAL, Answer, Known, Reading
from voiceplane.planner.phrases import ALSO, NOT_HEARD, RIGHT, STILL, WHICH, constant_phrases
from voiceplane.planner.phrases import phrases as cut
from voiceplane.planner.render import fill, read_result, summary


@dataclass(frozen=True, slots=True)
class Turn:
    """What one reply works on: the request, its state already sound."""

    request: ReplyRequest
    locale: slots.Locale

    @property
    def state(self) -> DialogueState:
        """Return the state at the turn's begin."""
        return self.request.state

    @property
    def asked(self) -> bool:
        """Say whether the caller was asked for something."""
        return bool(self.state.asking or self.state.confirming or self.state.confirming_slot)

    def closed(self, intent: str = "") -> DialogueState:
        """Return the state with nothing at hand; slots stay, for a next wish about the same thing."""
        return closed(self.state, intent)


class Steps:
    """The replies of one agent revision."""

    def __init__(self, spec: VoiceAgentSpec) -> None:
        """Speak for this agent."""
        self._spec = spec
        self._constant = frozenset(constant_phrases(spec))

    def say(self, text: str, state: DialogueState, intent: str, confidence: float = 1.0) -> Iterator[ReplyEvent]:
        """Say something and end the turn; it is what "say that again" brings back."""
        yield from self.phrases(text)
        yield Done(replace(state, last_reply=text, unheard=""), intent, confidence)

    def aside(self, text: str, state: DialogueState) -> Iterator[ReplyEvent]:
        """Say something that changes nothing: what was asked stays asked."""
        yield from self.phrases(text)
        yield Done(state, state.intent, 1.0)

    def phrases(self, text: str) -> Iterator[ReplyEvent]:
        """Say something that more follows."""
        for phrase in cut(text):
            yield Say(phrase, constant=phrase in self._constant)

    def advance(
        self, turn: Turn, intent: Intent, state: DialogueState, *, confidence: float = 1.0
    ) -> Iterator[ReplyEvent]:
        """Ask for what is missing, confirm what must be, then act."""
        known = dict(state.slots)
        state = replace(state, intent=intent.name, confirming=False, confirming_slot="")
        for slot in intent.slots:
            if slot.name not in known or not slots.valid(slot, known[slot.name]):
                state = replace(state, asking=slot.name)
                return self.say(question(slot, known), state, intent.name, confidence)
            if slot.confirm and slot.name + CONFIRMED not in known:
                return self.read_back(intent, slot, state, confidence=confidence)
        state = replace(state, asking="")
        if intent.confirm is not None:
            words = fill(intent.confirm, intent, known, {})
            return self.say(words, replace(state, confirming=True), intent.name, confidence)
        return self.act(turn, intent, state, confidence=confidence)

    def another(self, turn: Turn, intent: Intent, slot: Slot) -> Iterator[ReplyEvent]:
        """Forget a value, and all that was said of it, and ask for another one."""
        known = {key: value for key, value in turn.state.slots if key.partition(".")[0] != slot.name}
        state = replace(turn.closed(), intent=intent.name, slots=pairs(known), asking=slot.name)
        return self.say(f"{WHICH} {slot.ask}", replace(state, wanted=turn.state.wanted), intent.name)

    def read_back(
        self, intent: Intent, slot: Slot, state: DialogueState, *, confidence: float = 1.0
    ) -> Iterator[ReplyEvent]:
        """Ask whether a value is right."""
        words = f"I have {slots.spoken(slot, dict(state.slots)[slot.name])}. {RIGHT}"
        return self.say(words, replace(state, asking="", confirming_slot=slot.name), intent.name, confidence)

    def act(self, turn: Turn, intent: Intent, state: DialogueState, *, confidence: float = 1.0) -> Iterator[ReplyEvent]:
        """Run the intent's tool, or answer at once where it has none."""
        known = {slot.name: dict(state.slots)[slot.name] for slot in intent.slots}
        if intent.tool is not None:
            state = replace(state, asking="", confirming=False)
            if RunningTool(intent.tool, intent.name, pairs(known)) in state.running:
                yield from self.aside(STILL, state)
                return
            others = tuple(tool for tool in state.running if tool.intent != intent.name)
            yield ToolCall(intent.tool, intent.name, json.dumps(known, sort_keys=True))
            yield Done(replace(state, running=others), intent.name, confidence)
            return
        yield from self._finish(turn, intent, fill(intent.reply, intent, known, {}), state, confidence=confidence)

    def after_tool(self, turn: Turn, result: ToolResult) -> Iterator[ReplyEvent]:
        """Answer with what a tool brought, or say honestly that it did not."""
        intents = {intent.name: intent for intent in self._spec.intents}
        intent = intents.get(turn.state.intent)
        if intent is not None and intent.tool == result.tool and result.outcome is ToolOutcome.OK:
            try:
                content = read_result(result.result_json)
                reply = fill(intent.reply, intent, dict(turn.state.slots), content, locale=turn.locale)
            except (KeyError, ValueError):  # the result has not what the reply names
                pass
            else:
                wanted = proving.goes_on(self._spec, turn.state, intent)
                if wanted is None:
                    yield from self._finish(turn, intent, reply, turn.state)
                else:
                    yield from self.phrases(reply)
                    yield from self.act(turn, wanted, proving.proved(turn.state, intent, wanted))
                return
        led = proving.led(self._spec, turn.state, intent, result) if intent is not None else None
        if led is not None:
            yield from self.phrases(led.words)
            for event in self.advance(turn, led.proof, led.state):  # the turn stays one about what was wanted
                yield replace(event, intent=turn.state.intent) if isinstance(event, Done) else event
            return
        words = self._spec.phrases
        sentence = words.tool_refused if result.outcome is ToolOutcome.REFUSED else words.tool_failed
        escalation = self._spec.escalation
        if escalation is not None and escalation.on_tool_failure:
            yield from self.phrases(sentence)
            yield from self.transfer(turn, turn.state, "tool-failure")
            return
        yield from self._goes_on(
            turn, turn.state.also, sentence, turn.closed(turn.state.intent), done=turn.state.intent
        )

    def _finish(
        self, turn: Turn, intent: Intent, reply: str, state: DialogueState, *, confidence: float = 1.0
    ) -> Iterator[ReplyEvent]:
        following = closed(state, intent.name)
        if intent.then == "listen":
            yield from self._goes_on(turn, state.also, reply, following, done=intent.name, confidence=confidence)
            return
        yield from self.phrases(reply)
        if intent.then == "hang-up":
            yield HangUp("intent")
        else:
            yield Transfer("intent", summary(self._spec, replace(turn.request, state=state), "intent"))
        yield Done(replace(following, last_reply=reply), intent.name, confidence)

    def _goes_on(
        self, turn: Turn, also: str, reply: str, following: DialogueState, *, done: str, confidence: float = 1.0
    ) -> Iterator[ReplyEvent]:
        """Say how a wish ended, and come to the other one of the same breath; the turn stays about the first."""
        if not also or also == done:
            yield from self.say(f"{reply} {self._spec.phrases.anything_else}", following, done, confidence)
            return
        yield from self.phrases(f"{reply} {ALSO}")
        for event in self.advance(turn, self._spec.intent(also), following, confidence=confidence):
            yield replace(event, intent=done) if isinstance(event, Done) else event

    def unsure(self, turn: Turn, words: str = "") -> Iterator[ReplyEvent]:
        """Ask again, or fetch a person after as many turns in a row as the agent allows."""
        state = replace(turn.state, unsure=min(turn.state.unsure + 1, MAX_UNSURE))
        escalation = self._spec.escalation
        if escalation is not None and state.unsure >= escalation.on_unsure:
            yield from self.transfer(turn, state, "unsure")
            return
        if not turn.asked:
            yield from self.phrases(words or self._spec.phrases.unsure)
            yield Done(replace(state, last_reply=words or self._spec.phrases.unsure), "", 0.0)
            return
        yield from self.once_more(state, words or NOT_HEARD)

    def once_more(self, state: DialogueState, before: str = "") -> Iterator[ReplyEvent]:
        """Ask again, also after words that were not misheard: the answer may follow in the same breath."""
        again = self._asked(state)
        yield from self.phrases(f"{before} {again}".strip())
        yield Done(replace(state, last_reply=again), "", 0.0)

    def _asked(self, state: DialogueState) -> str:
        """Return what the caller was asked for."""
        if state.asking:
            return question(self._spec.intent(state.intent).slot(state.asking), dict(state.slots))
        return state.last_reply or RIGHT

    def ask_again(self, turn: Turn, intent: Intent, state: DialogueState, answer: Answer) -> Iterator[ReplyEvent]:
        """Ask for digits again: too many, or not the rest of those said before. Counts as not understood."""
        slot = next(slot for slot in intent.slots if slot.name == turn.state.asking)
        words = ""
        if answer.reading is Reading.TOO_LONG:
            words = f"I heard {answer.digits} digits, but it has {slot.length}."
        return self.unsure(replace(turn, request=replace(turn.request, state=state)), words)

    def transfer(self, turn: Turn, state: DialogueState, reason: str) -> Iterator[ReplyEvent]:
        """Hand the call to a person, with a paragraph about it."""
        escalation = self._spec.escalation
        if escalation is None:
            raise ValueError("a transfer needs an escalation")
        yield from self.phrases(escalation.say)
        yield Transfer(reason, summary(self._spec, turn.request, reason))
        yield Done(replace(state, last_reply=escalation.say), state.intent, 1.0)

    def goodbye(self, state: DialogueState) -> Iterator[ReplyEvent]:
        """End the call politely."""
        sentence = self._spec.phrases.goodbye
        yield from self.phrases(sentence)
        yield HangUp("goodbye")
        yield Done(replace(closed(state), last_reply=sentence), "", 1.0)


def question(slot: Slot, known: Known) -> str:
    """Write the question for a slot; for digits that began, for the rest of them."""
    partial = known.get(slot.name + PARTIAL, "")
    if not partial or slot.length is None:
        return slot.ask
    missing = slot.length - len(partial)
    rest = "is the other digit" if missing == 1 else f"are the other {missing} digits"
    return f"I have {slots.spoken(slot, partial)}. What {rest}?"


def pairs(known: Known) -> tuple[tuple[str, str], ...]:
    """Write what is known as a state holds it: in the order of names."""
    return tuple(sorted(known.items()))


def closed(state: DialogueState, intent: str = "") -> DialogueState:
    """Close what is at hand; a named intent counts as done."""
    done = [name for name in state.done_intents if name != intent] + ([intent] if intent else [])
    return replace(
        state,
        intent="",
        asking="",
        confirming=False,
        confirming_slot="",
        unsure=0,
        done_intents=tuple(done),
        wanted="",
        also="",
    )
