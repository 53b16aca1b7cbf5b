"""The flow planner: a caller's turn in, phrases and steps out. Deterministic and stateless: all it knows is asked for.

`FlowPlanner.reply` reads like a conversation: what every agent understands, then what was asked, then a new wish.
"""

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from voiceplane.contract.agent import Intent, Slot, SlotType, VoiceAgentSpec
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
    ToolOutcome,
    ToolResult,
    Transfer,
)
from voiceplane.planner import corrections, digits, slots
from voiceplane.planner.intents import GOODBYE, PERSON, REPEAT, Understanding, built_in
from voiceplane.planner.render import fill, phrases, summary

SWITCH_SCORE = 0.55  # while a slot is asked, only a clear other wish counts as one
PARTIAL = ".partial"  # suffix of a slot that has some of its digits


@dataclass(frozen=True, slots=True)
class Turn:
    """What one reply works on."""

    spec: VoiceAgentSpec
    request: ReplyRequest
    today: datetime.date

    @property
    def state(self) -> DialogueState:
        """Return the state at the turn's begin."""
        return self.request.state


class FlowPlanner:
    """The brain of one agent revision."""

    def __init__(self, spec: VoiceAgentSpec, understanding: Understanding) -> None:
        """Plan replies for this agent."""
        self._spec = spec
        self._understanding = understanding

    def reply(self, request: ReplyRequest) -> Iterator[ReplyEvent]:
        """Yield the reply; Done is always last."""
        turn = Turn(self._spec, request, datetime.date.fromisoformat(request.today))
        if isinstance(request.input, ToolResult):
            yield from self._after_tool(turn, request.input)
        else:
            yield from self._caller_said(turn, request.input)

    def _caller_said(self, turn: Turn, said: CallerSaid) -> Iterator[ReplyEvent]:
        state, text = turn.state, said.text
        asked_something = bool(state.asking or state.confirming or state.confirming_slot)
        wish = None if said.keys else built_in(text)
        if wish == PERSON and self._spec.escalation is not None and self._spec.escalation.on_request:
            yield from self._transfer(turn, replace(state, unsure=0), "requested")
        elif wish == REPEAT and state.last_reply:
            yield from self._say(state.last_reply, replace(state, unsure=0), state.intent)
        elif wish == GOODBYE and not (asked_something and digits.runs(text)):
            yield from self._goodbye(state)
        elif asked_something and state.intent:
            yield from self._answered(turn, said)
        elif state.done_intents and slots.yes_or_no(text) is False and not self._understanding.guess(text).sure:
            yield from self._goodbye(state)
        else:
            yield from self._wished(turn, text)

    def _answered(self, turn: Turn, said: CallerSaid) -> Iterator[ReplyEvent]:
        """Take the answer to what was asked, a correction of it, or another wish in its place."""
        state, text = turn.state, said.text
        intent = self._spec.intent(state.intent)
        if state.confirming or state.confirming_slot:
            yield from self._confirmed(turn, intent, text)
            return
        slot = intent.slot(state.asking)
        filled = self._read(turn, slot, text, dict(state.slots))
        if filled is not None:
            yield from self._advance(turn, intent, replace(state, slots=_sorted(filled), unsure=0))
            return
        if not said.keys:
            guess = self._understanding.guess(text)
            if guess.sure and guess.score >= SWITCH_SCORE and guess.intent != intent.name:
                yield from self._wished(turn, text)
                return
        yield from self._unsure(turn, state, slot.ask)

    def _confirmed(self, turn: Turn, intent: Intent, text: str) -> Iterator[ReplyEvent]:
        state = turn.state
        corrected = self._corrected(turn, intent, text)
        if corrected is not None:
            following = replace(state, slots=corrected, confirming=False, confirming_slot="", unsure=0)
            yield from self._advance(turn, intent, following)
            return
        answer = slots.yes_or_no(text)
        if answer is None:
            guess = self._understanding.guess(text)
            if guess.sure and guess.score >= SWITCH_SCORE and guess.intent != intent.name:
                yield from self._wished(turn, text)
            else:
                yield from self._unsure(turn, state, state.last_reply)
        elif answer and state.confirming_slot:
            known = dict(state.slots) | {f"{state.confirming_slot}.confirmed": "yes"}
            following = replace(state, slots=_sorted(known), confirming_slot="", unsure=0)
            yield from self._advance(turn, intent, following)
        elif answer:
            yield from self._act(intent, replace(state, confirming=False, unsure=0))
        elif state.confirming_slot:
            known = {k: v for k, v in state.slots if not k.startswith(state.confirming_slot)}
            following = replace(state, slots=_sorted(known), confirming_slot="", unsure=0)
            yield from self._advance(turn, intent, following)
        else:
            names = {slot.name for slot in intent.slots}
            known = {k: v for k, v in state.slots if k.split(".")[0] not in names}
            following = replace(state, slots=_sorted(known), confirming=False, intent="", unsure=0)
            yield from self._say(f"All right, I will not do that. {self._spec.phrases.anything_else}", following, "")

    def _corrected(self, turn: Turn, intent: Intent, text: str) -> tuple[tuple[str, str], ...] | None:
        """Apply "no, I said five" and "no, on Friday" to what was understood; None when nothing is corrected."""
        known = dict(turn.state.slots)
        for slot in intent.slots:
            if turn.state.confirming_slot not in ("", slot.name) or slot.name not in known:
                continue
            if slot.type is SlotType.DIGITS:
                value = corrections.corrected(known[slot.name], text, slot.length)
            elif slot.type in (SlotType.DATE, SlotType.CHOICE):
                value = slots.read(slot, text, turn.today)
            else:
                value = None
            if value is not None and value != known[slot.name]:
                self._keep(slot, value, known)
                return _sorted(known)
        return None

    def _wished(self, turn: Turn, text: str) -> Iterator[ReplyEvent]:
        """Begin with what the caller wants; slots said in the same breath are taken."""
        guess = self._understanding.guess(text)
        state = replace(turn.state, asking="", confirming=False, confirming_slot="")
        if not guess.sure:
            yield from self._unsure(turn, state, self._spec.phrases.unsure)
            return
        intent = self._spec.intent(guess.intent)
        names = {slot.name for slot in intent.slots}
        forget = intent.name in state.done_intents or "another" in text.lower() or "different" in text.lower()
        known = {k: v for k, v in state.slots if not (forget and k.split(".")[0] in names)}
        for slot in intent.slots:
            if slot.type in (SlotType.DIGITS, SlotType.DATE):  # names and choices are too easily heard into a wish
                known = self._read(turn, slot, text, known) or known
        following = replace(state, intent=intent.name, slots=_sorted(known), unsure=0)
        yield from self._advance(turn, intent, following, confidence=guess.score)

    def _read(self, turn: Turn, slot: Slot, text: str, known: dict[str, str]) -> dict[str, str] | None:
        """Read a slot from a text into a copy of what is known; None when the text has nothing for it."""
        partial = known.get(slot.name + PARTIAL, "")
        value = slots.read(slot, text, turn.today)
        if slot.type is SlotType.DIGITS and partial:
            corrected = corrections.corrected(partial, text, slot.length)
            value = corrected or (partial + value if value and len(partial + value) <= (slot.length or 32) else value)
        if value is None:
            return None
        filled = dict(known)
        self._keep(slot, value, filled)
        return filled

    @staticmethod
    def _keep(slot: Slot, value: str, known: dict[str, str]) -> None:
        for key in (slot.name, slot.name + PARTIAL, slot.name + ".confirmed"):
            known.pop(key, None)
        if slots.complete(slot, value):
            known[slot.name] = value
        elif slot.length is not None and len(value) < slot.length:
            known[slot.name + PARTIAL] = value

    def _advance(
        self, turn: Turn, intent: Intent, state: DialogueState, confidence: float = 1.0
    ) -> Iterator[ReplyEvent]:
        """Ask for what is missing, confirm what must be, then act."""
        known = dict(state.slots)
        for slot in intent.slots:
            if not slots.complete(slot, known.get(slot.name)):
                yield from self._ask(slot, known, replace(state, asking=slot.name), confidence)
                return
            if slot.confirm and f"{slot.name}.confirmed" not in known:
                question = f"I have {slots.spoken(slot, known[slot.name])}. Is that right?"
                yield from self._say(question, replace(state, asking="", confirming_slot=slot.name), intent.name)
                return
        state = replace(state, asking="")
        if intent.confirm is not None:
            question = fill(intent.confirm, intent, known, {})
            yield from self._say(question, replace(state, confirming=True), intent.name, confidence)
        else:
            yield from self._act(intent, state, confidence)

    def _ask(self, slot: Slot, known: dict[str, str], state: DialogueState, confidence: float) -> Iterator[ReplyEvent]:
        partial = known.get(slot.name + PARTIAL, "")
        if not partial or slot.length is None:
            yield from self._say(slot.ask, state, state.intent, confidence, constant=True)
            return
        missing = slot.length - len(partial)
        rest = "digit" if missing == 1 else "digits"
        verb = "is" if missing == 1 else "are"
        question = f"I have {slots.spoken(slot, partial)}. What {verb} the other {missing} {rest}?"
        yield from self._say(question, state, state.intent, confidence)

    def _act(self, intent: Intent, state: DialogueState, confidence: float = 1.0) -> Iterator[ReplyEvent]:
        known = {k: v for k, v in state.slots if any(slot.name == k for slot in intent.slots)}
        if intent.tool is not None:
            yield ToolCall(intent.tool, intent.name, json.dumps(known))
            yield Done(replace(state, asking="", confirming=False), intent.name, confidence)
            return
        yield from self._finish(intent, fill(intent.reply, intent, known, {}), state, confidence)

    def _after_tool(self, turn: Turn, result: ToolResult) -> Iterator[ReplyEvent]:
        intent = self._spec.intent(turn.state.intent)
        words = self._spec.phrases
        if result.outcome is ToolOutcome.OK:
            try:
                reply = fill(intent.reply, intent, dict(turn.state.slots), json.loads(result.result_json))
            except (KeyError, ValueError):  # the result has not what the reply names
                result = replace(result, outcome=ToolOutcome.INVALID_RESULT)
            else:
                yield from self._finish(intent, reply, turn.state)
                return
        refused = result.outcome is ToolOutcome.REFUSED
        sentence = words.tool_refused if refused else words.tool_failed
        escalation = self._spec.escalation
        if escalation is not None and escalation.on_tool_failure:
            yield Say(sentence, constant=True)
            yield from self._transfer(turn, turn.state, "tool-failure")
            return
        state = _closed(turn.state, intent.name)
        yield from self._say(f"{sentence} {words.anything_else}", state, intent.name)

    def _finish(
        self, intent: Intent, reply: str, state: DialogueState, confidence: float = 1.0
    ) -> Iterator[ReplyEvent]:
        closed = _closed(state, intent.name)
        if intent.then == "listen":
            yield from self._say(f"{reply} {self._spec.phrases.anything_else}", closed, intent.name, confidence)
            return
        for phrase in phrases(reply):
            yield Say(phrase)
        step: ReplyEvent = HangUp("intent") if intent.then == "hang-up" else Transfer("intent", "")
        yield step
        yield Done(replace(closed, last_reply=reply), intent.name, confidence)

    def _unsure(self, turn: Turn, state: DialogueState, question: str) -> Iterator[ReplyEvent]:
        count = state.unsure + 1
        escalation = self._spec.escalation
        if escalation is not None and count > escalation.on_unsure:
            yield from self._transfer(turn, replace(state, unsure=count), "unsure")
            return
        if question == self._spec.phrases.unsure or not question:
            yield from self._say(self._spec.phrases.unsure, replace(state, unsure=count), "", 0.0, constant=True)
        else:
            yield Say("Sorry, I did not get that.", constant=True)
            yield from self._say(question, replace(state, unsure=count), "", 0.0)

    def _transfer(self, turn: Turn, state: DialogueState, reason: str) -> Iterator[ReplyEvent]:
        assert self._spec.escalation is not None
        sentence = self._spec.escalation.say
        for phrase in phrases(sentence):
            yield Say(phrase, constant=True)
        yield Transfer(reason, summary(self._spec, turn.request, reason))
        yield Done(replace(state, last_reply=sentence), state.intent, 1.0)

    def _goodbye(self, state: DialogueState) -> Iterator[ReplyEvent]:
        sentence = self._spec.phrases.goodbye
        for phrase in phrases(sentence):
            yield Say(phrase, constant=True)
        yield HangUp("goodbye")
        yield Done(replace(state, last_reply=sentence), "goodbye", 1.0)

    def _say(
        self, text: str, state: DialogueState, intent: str, confidence: float = 1.0, *, constant: bool = False
    ) -> Iterator[ReplyEvent]:
        fixed = {*self._spec.phrases.model_dump().values(), *(s.ask for i in self._spec.intents for s in i.slots)}
        for phrase in phrases(text):
            yield Say(phrase, constant or phrase in fixed)
        yield Done(replace(state, last_reply=text), intent, confidence)


def _sorted(known: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(known.items()))


def _closed(state: DialogueState, intent: str) -> DialogueState:
    """Close an intent: its slots stay, for a next wish about the same thing."""
    done = tuple(dict.fromkeys((*state.done_intents, intent)))
    return replace(state, intent="", asking="", confirming=False, confirming_slot="", unsure=0, done_intents=done)
