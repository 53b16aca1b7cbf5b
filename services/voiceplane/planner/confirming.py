"""The answer to "Shall I ...?": a yes, a no, a value put right, and what is said in the same breath. Used by flow.py.

A yes counts only where it is one: "yes, but the number is wrong" is none, and "are you open on Sunday?" moves no
delivery to Sunday.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from voiceplane.contract.agent import Intent, VoiceAgentSpec
from voiceplane.contract.dialogue import DialogueState, ReplyEvent
from voiceplane.planner import asides, filling, slots
from voiceplane.planner.built_in import BuiltIn
from voiceplane.planner.filling import CONFIRMED
from voiceplane.planner.intents import CERTAIN, PERSON, Guess
from voiceplane.planner.phrases import NOT_DONE, WHICH
from voiceplane.planner.steps import Steps, Turn, pairs

_RESERVED = re.compile(r"^\W*(?:but|except|unless|only|provided|as long as)\b", re.I)  # behind a yes


class Other(Protocol):
    """Finds a clear wish for another intent in words; in those that also put a value right where `answers`."""

    def __call__(self, text: str, intent: Intent, *, answers: bool) -> Guess | None:
        """Find it."""
        ...


@dataclass(frozen=True, slots=True)
class Confirming:
    """How one agent revision takes it; `wished` begins another wish."""

    spec: VoiceAgentSpec
    steps: Steps
    built_in: BuiltIn
    other: Other
    wished: Callable[[Turn, str, Guess], Iterator[ReplyEvent]]

    def answer(self, turn: Turn, intent: Intent, text: str) -> Iterator[ReplyEvent]:
        """Take a yes, a no, or what puts the value right; and a wish behind it."""
        answer, behind = slots.yes_or_no(text), slots.behind_answer(text)
        put_right = corrected(turn, intent, text)
        other = self.other(behind, intent, answers=put_right is not None)
        about_value = answer is False and filling.wants_another(behind)  # "no, the other parcel"
        if other is not None and not (about_value and other.score < CERTAIN):
            return self._beside(turn, intent, behind, answer, other)
        if put_right is not None:
            return self.steps.advance(turn, intent, replace(_answered(turn), slots=put_right))
        chosen = self._chosen(turn, intent, behind) if answer is not True else None
        if chosen is not None:
            return chosen
        doubted = self._doubted(turn, intent, text, answer)
        if doubted is not None:
            return doubted
        if answer is None and asides.asks_back(text):
            return self.steps.once_more(turn.state)
        if answer is None or (answer and (_RESERVED.match(behind) or filling.says_wrong(behind))):
            return self.steps.unsure(turn)
        return self._yes(turn, intent) if answer else self.built_in.dropped(turn)

    def _beside(self, turn: Turn, intent: Intent, text: str, answer: bool | None, other: Guess) -> Iterator[ReplyEvent]:
        """Take the answer and the wish beside it: what is only told is told before the deed, which needs its result."""
        if answer is None or other.intent == PERSON:
            yield from self.wished(turn, text, other)
        elif answer:
            told = self.spec.intent(other.intent)
            if told.only_tells:
                yield from self.steps.phrases(told.reply)
            yield from self._yes(turn, intent)
        else:
            yield from self.steps.phrases(NOT_DONE)
            yield from self.wished(replace(turn, request=replace(turn.request, state=turn.closed())), text, other)

    def _chosen(self, turn: Turn, intent: Intent, text: str) -> Iterator[ReplyEvent] | None:
        """Take "no, next week" for another day, which is asked about as the one before was."""
        known = dict(turn.state.slots)
        for slot in intent.slots:
            doubted = turn.state.confirming_slot in ("", slot.name) and slot.name in known
            answer = filling.left_open(slot, text, known, turn.locale) if doubted else None
            if answer is not None and answer.known[slot.name] != known[slot.name]:
                following = replace(_answered(turn), slots=pairs(answer.known))
                if intent.confirm is None:
                    return self.steps.read_back(intent, slot, following)
                return self.steps.advance(turn, intent, following)
        return None

    def _doubted(self, turn: Turn, intent: Intent, text: str, answer: bool | None) -> Iterator[ReplyEvent] | None:
        """Ask for what is said to be wrong; None where nothing is."""
        state, known = turn.state, dict(turn.state.slots)
        wrong = None
        if answer is False:
            wrong = intent.slot(state.confirming_slot) if state.confirming_slot else None
        if wrong is None and (answer is False or filling.wants_another(text)):
            wrong = filling.disputed(intent, text, known)
        if wrong is not None:
            return self.steps.another(turn, intent, wrong)
        if answer is False and intent.slots and filling.says_wrong(text) and state.last_reply != WHICH:
            return self.steps.say(WHICH, replace(state, unsure=0), intent.name)
        return None

    def _yes(self, turn: Turn, intent: Intent) -> Iterator[ReplyEvent]:
        state, known = turn.state, dict(turn.state.slots)
        following = _answered(turn)
        if state.last_reply == WHICH:  # no yes to what was to be done
            return self.steps.advance(turn, intent, following)
        if state.confirming_slot:
            known[state.confirming_slot + CONFIRMED] = "yes"
            return self.steps.advance(turn, intent, replace(following, slots=pairs(known)))
        return self.steps.act(turn, intent, following)


def _answered(turn: Turn) -> DialogueState:
    """Return the state with the question answered."""
    return replace(turn.state, confirming=False, confirming_slot="", unsure=0)


def corrected(turn: Turn, intent: Intent, text: str) -> tuple[tuple[str, str], ...] | None:
    """Apply a correction to the slot in doubt, or to any slot of the intent; None when nothing is corrected."""
    known = dict(turn.state.slots)
    doubted = turn.state.confirming_slot
    in_doubt = [slot for slot in intent.slots if doubted in ("", slot.name) and slot.name != turn.state.asking]
    put_right = filling.put_right(in_doubt, text, known, turn.locale)
    return None if put_right is None else pairs(put_right)
