"""The flow planner: a caller's turn in, phrases and steps out. Deterministic and stateless: all it knows is asked for.

`FlowPlanner.reply` reads like a conversation: what every agent understands (built_in.py), then what was asked, then a
new wish. What is then done about an intent (ask, confirm, run its tool, answer) is in steps.py.
"""

import asyncio
import datetime
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

from opentelemetry.trace import Span

from voiceplane.contract.agent import Intent, Slot, SlotType, VoiceAgentSpec
from voiceplane.contract.dialogue import CallerSaid, Done, ReplyEvent, ReplyRequest, ToolResult
from voiceplane.planner import any_day, asides, corrections, dates, digits, filling, proving, slots, unasked
from voiceplane.planner.aloud import for_the_ear
from voiceplane.planner.both import Both, both
from voiceplane.planner.built_in import BuiltIn
from voiceplane.planner.confirming import Confirming, corrected
from voiceplane.planner.filling import Reading
from voiceplane.planner.intents import (
    CANCEL,
    CERTAIN,
    LIKELY,
    PERSON,
    WAIT,
    Guess,
    Understanding,
    behind_cancel,
    built_in,
)
from voiceplane.planner.pending import Pending
from voiceplane.planner.phrases import GO_AHEAD, LOOK_FOR_IT, LOOK_OR_ASK, NAME_A_DAY, NEEDED, WHAT_WITH_IT
from voiceplane.planner.steps import Steps, Turn, pairs
from voiceplane.planner.words import heard_words

SWITCH_SCORE = 0.55  # while a slot is asked, only a clear other wish counts as one
_ANOTHER = re.compile(r"\b(?:another|different|other|new) (?P<what>\w+)", re.I)


class FlowPlanner:
    """The brain of one agent revision."""

    def __init__(self, spec: VoiceAgentSpec, understanding: Understanding) -> None:
        """Plan replies for this agent."""
        self._spec = spec = for_the_ear(spec)
        self._understanding = understanding
        self._steps = Steps(spec)
        self._pending = Pending(spec, self._steps)
        self._built_in = BuiltIn(spec, self._steps, self._pending)
        self._confirming = Confirming(spec, self._steps, self._built_in, self._other_wish, self._wished)
        self._dated = frozenset(
            intent.name for intent in spec.intents if any(slot.type is SlotType.DATE for slot in intent.slots)
        )

    def reply(self, request: ReplyRequest) -> Iterator[ReplyEvent]:
        """Yield the reply; Done is always last. ValueError when `today` is no date."""
        for event in self._reply(request):
            if isinstance(event, Done):
                event = replace(event, state=proving.forgotten(self._spec, event.state))
            yield event

    def _reply(self, request: ReplyRequest) -> Iterator[ReplyEvent]:
        turn = self.turn(request)
        if isinstance(request.input, ToolResult):
            yield from self._steps.after_tool(turn, request.input)
        elif request.input.keys:
            yield from self._pressed(turn, request.input.text)
        else:
            yield from self._said(turn, request.input)

    def turn(self, request: ReplyRequest) -> Turn:
        """Return what a reply works on: a sound state, and the caller's date. ValueError when `today` is no date."""
        locale = slots.Locale(datetime.date.fromisoformat(request.today), self._spec.language == "en-GB")
        state = proving.forgotten(self._spec, filling.sound(self._spec, request.state))  # a late answer may leave one
        return Turn(replace(request, state=state), locale)

    async def stream(self, request: ReplyRequest, span: Span) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply from a thread: a model of a few milliseconds must not stop the event loop."""
        span.set_attribute("voice.planner.brain", "flow")
        for event in await asyncio.to_thread(lambda: tuple(self.reply(request))):
            yield event

    def _said(self, turn: Turn, said: CallerSaid) -> Iterator[ReplyEvent]:
        text = heard_words(said)
        if not text:
            yield from self._steps.unsure(turn)
            return
        wish = built_in(text)
        if wish == CANCEL and not turn.asked and self._clear(behind_cancel(text), but=PERSON) is not None:
            turn, text, wish = self._pending.without_lookups(turn), behind_cancel(text), None  # "forget it, when ...?"
        if wish is not None and self._is_other(turn.state.intent, text, wish):
            wish = None
        answered = self._built_in.answer(turn, text, wish) if wish is not None else None
        if answered is not None:
            yield from answered
        elif turn.asked:
            yield from self._answered(turn, text)
        else:
            yield from self._unasked(turn, text)

    def _is_other(self, current: str, text: str, wish: str) -> bool:
        """Say whether an intent is meant, and no request that every agent knows: by all words or those behind it."""
        guess = self._understanding.guess(text)
        if guess.sure and guess.score >= CERTAIN and guess.intent != PERSON:
            return True
        rest = behind_cancel(text) if wish == CANCEL else text if wish == WAIT else ""
        other = self._clear(rest, but=current) if rest else None
        return other is not None and other.intent != PERSON

    def _pressed(self, turn: Turn, keys: str) -> Iterator[ReplyEvent]:
        """Take keys: digits for a slot, 1 and 2 for yes and no, 0 for a person where nothing is asked."""
        state = turn.state
        pressed = keys.strip()
        if not turn.asked:
            if pressed.startswith("0") and self._spec.escalation is not None:
                yield from self._built_in.person(turn)
            else:
                yield from self._unasked(turn, pressed) if state.done_intents else self._numbered(turn, pressed)
            return
        intent = self._spec.intent(state.intent)
        if state.confirming or state.confirming_slot:
            answer = {"1": "yes", "2": "no"}.get(pressed[:1], "")
            yield from self._confirming.answer(turn, intent, answer) if answer else self._steps.unsure(turn)
            return
        slot = intent.slot(state.asking)
        value = slots.read_keys(slot, keys)
        if value is None:
            yield from self._steps.unsure(turn)
            return
        known = dict(state.slots)
        partial = known.get(slot.name + filling.PARTIAL, "")
        joined = partial + value
        whole = slot.type is SlotType.DIGITS and bool(partial) and len(joined) <= (slot.length or 0)
        yield from self._filled(turn, intent, filling.keep(slot, joined if whole else value, known))

    def _answered(self, turn: Turn, text: str) -> Iterator[ReplyEvent]:
        """Take the answer to what was asked, a correction of an earlier one, or another wish in its place."""
        state = turn.state
        intent = self._spec.intent(state.intent)
        if state.confirming or state.confirming_slot:
            yield from self._confirming.answer(turn, intent, text)
            return
        slot = intent.slot(state.asking)
        answer = filling.read(slot, text, dict(state.slots), locale=turn.locale, nearest=self._understanding.nearest)
        if slot.type is SlotType.NAME and filling.lacks(text):
            answer = None  # "no idea" is nobody's name
        complete = slot.type is SlotType.DIGITS and answer is not None and answer.reading is Reading.FULL
        dated = answer is not None and slot.type is SlotType.DATE
        other = None if complete else self._other_wish(text, intent, answers=dated)
        if other is not None:
            yield from self._wished(turn, text, other)
            return
        earlier = corrected(turn, intent, text) if answer is None or slot.type is SlotType.NAME else None
        if earlier is not None:
            yield from self._steps.advance(turn, intent, replace(state, slots=earlier, unsure=0))
        elif answer is not None:
            yield from self._filled(turn, intent, answer)
        elif (ahead := filling.ahead(intent, text, dict(state.slots), turn.locale)) is not None:
            yield from self._steps.once_more(replace(state, slots=pairs(ahead)))
        elif asides.takes_back(text) and slot.name + filling.PARTIAL in dict(state.slots):
            yield from self._steps.another(turn, intent, slot)
        elif hint := self._hint(slot, text):
            yield from self._steps.unsure(turn, hint)
        elif slots.plainly_yes(text) or asides.asks_back(text) or self._is_again(text, intent):
            yield from self._steps.once_more(turn.state)
        else:
            yield from self._steps.unsure(turn)

    def _is_again(self, text: str, intent: Intent) -> bool:
        """Say whether the wish at hand is said once more: "I said, where is my parcel?"."""
        guess = self._understanding.guess(text)
        return len(text.split()) >= 3 and guess.intent == intent.name and guess.score >= CERTAIN

    def _hint(self, slot: Slot, text: str) -> str:
        """Say what would help a caller who has not got what is asked for, or leaves it open."""
        if slot.type is SlotType.DATE and any_day.leaves_open(text):
            return NAME_A_DAY
        if not filling.lacks(text) and not asides.is_helpless(text):
            return ""
        person = self._spec.escalation is not None and self._spec.escalation.on_request
        return f"{NEEDED} {LOOK_OR_ASK if person else LOOK_FOR_IT}"

    def _filled(self, turn: Turn, intent: Intent, answer: filling.Answer) -> Iterator[ReplyEvent]:
        state = replace(turn.state, slots=pairs(answer.known))
        if answer.chosen and intent.confirm is None:
            return self._steps.read_back(intent, intent.slot(turn.state.asking), replace(state, unsure=0))
        if answer.reading in (Reading.FULL, Reading.PARTIAL):
            return self._steps.advance(turn, intent, replace(state, unsure=0))
        return self._steps.ask_again(turn, intent, state, answer)

    def _other_wish(self, text: str, intent: Intent, *, answers: bool = False) -> Guess | None:
        """Return a clear wish for something else than the intent at hand; one or two words are an answer.

        Words that also answer what was asked are one where they are clear without the day: "can it be Sunday" is none.
        """
        whole = None if len(text.split()) < 3 else self._clear(text, but=intent.name)
        if whole is None or not answers or whole.score >= CERTAIN:
            return whole
        bare = dates.without_days(text)
        if bare == text and corrections.MARKER.search(text) is not None:
            return None  # "the number is five instead"
        return self._other_wish(bare, intent)

    def _clear(self, text: str, *, but: str) -> Guess | None:
        """Return the intent that words clearly mean, other than this one."""
        guess = self._understanding.guess(text)
        return guess if guess.sure and guess.score >= SWITCH_SCORE and guess.intent != but else None

    def _unasked(self, turn: Turn, text: str) -> Iterator[ReplyEvent]:
        """Take a wish; or, after something was done, a correction of it, yes or no to "anything else?"."""
        state = turn.state
        today = turn.locale.today
        has_day = dates.find_date(text, today) is not None or any_day.earliest(text, today) is not None
        dated = self._dated if has_day else frozenset[str]()
        guess = self._understanding.guess(text, dated)
        bare = digits.without_numbers(text)
        if not guess.sure and bare not in ("", text):  # the number in a wish makes it less like any example
            guess = self._understanding.guess(bare, dated)
        waiting = self._pending.take(turn, text, guess)
        if waiting is not None:
            return waiting
        if state.done_intents and (not guess.sure or guess.intent == state.done_intents[-1]):
            last = self._spec.intent(state.done_intents[-1])
            put_right = corrected(turn, last, text)
            if put_right is not None:
                following = replace(state, intent=last.name, slots=put_right, unsure=0)
                return self._steps.advance(turn, last, following)
        answer = slots.yes_or_no(text)
        doubted = self._doubted(turn, text) if answer is not True and not guess.sure else None
        if doubted is not None:
            return doubted
        two = both(text, lambda half: self._clear(half, but=PERSON))
        if two is not None:
            return self._wished(turn, text, two.first, two)
        if guess.sure:
            return self._wished(turn, text, guess)
        more = state.last_reply.endswith((self._spec.phrases.anything_else, WHAT_WITH_IT))
        if answer is False and (more or (state.done_intents and not state.unheard)):
            return self._steps.goodbye(state)
        if answer and len(text.split()) <= 4:  # "please put it" begins like a yes, but what is wanted is yet to come
            return self._steps.say(GO_AHEAD, replace(state, unsure=0), "", float(more or slots.plainly_yes(text)))
        return self._numbered(turn, text)

    def _doubted(self, turn: Turn, text: str) -> Iterator[ReplyEvent] | None:
        """Ask for the value that a caller takes back after the answer to it; None where none is."""
        state = turn.state
        if not state.done_intents or not asides.takes_back(text):
            return None
        last = self._spec.intent(state.done_intents[-1])
        known = dict(state.slots)
        wrong = filling.disputed(last, text, known) or next((s for s in last.slots if s.name in known), None)
        return None if wrong is None else self._steps.another(turn, last, wrong)

    def _numbered(self, turn: Turn, text: str) -> Iterator[ReplyEvent]:
        """Use a number that nobody asked for: for the wish before it, the only one that has it, or the next."""
        state = turn.state
        said = unasked.number(self._spec, text)
        if said is None:
            return self._steps.unsure(turn)
        names = [intent.name for intent in said.intents]
        meant = names[0] if len(names) == 1 else None
        misheard = next((each.text for each in reversed(turn.request.history) if each.speaker == "caller"), "")
        if meant is None and misheard and state.unsure:
            meant = self._understanding.likeliest(misheard, names)
        if meant is not None and unasked.may_begin(self._spec, self._spec.intent(meant), said.slot):
            return self._wished(turn, text, Guess(meant, LIKELY, sure=True))
        words = f"I have {slots.spoken(said.slot, said.value)}. {WHAT_WITH_IT}"
        if words == state.last_reply:
            return self._steps.unsure(turn)
        known = filling.keep(said.slot, said.value, dict(state.slots)).known
        return self._steps.say(words, replace(state, slots=pairs(known), unsure=0), "")

    def _wished(self, turn: Turn, text: str, guess: Guess, then: Both | None = None) -> Iterator[ReplyEvent]:
        """Begin with what the caller wants; slots said in the same breath are taken, and what comes after it."""
        if guess.intent == PERSON:
            yield from self._built_in.person(turn)
            return
        wanted = turn.state.wanted if guess.intent == turn.state.intent else ""
        state = replace(turn.state, asking="", confirming=False, confirming_slot="", wanted=wanted)
        intent = self._spec.intent(guess.intent)
        known = dict(state.slots)
        again = state.done_intents[-1:] == (intent.name,) and asides.about_the_same(text)
        if intent.name in state.done_intents and not again:
            known = filling.without(known, *intent.slots)
        another = _ANOTHER.search(text)
        if another is not None:  # "another parcel" forgets the number, "another day" the day
            what = another["what"].lower()
            known = filling.without(known, *(s for s in intent.slots if what == "one" or what in s.name.split("_")))
        known = filling.said_with(intent, text, known, turn.locale)
        also = state.also if state.also != intent.name else ""
        if then is not None:
            second = self._spec.intent(then.second.intent)
            if second.name in state.done_intents:
                known = filling.without(known, *(slot for slot in second.slots if slot not in intent.slots))
            known, also = filling.said_with(second, then.words, known, turn.locale), second.name
        following = replace(state, intent=intent.name, slots=pairs(known), unsure=0, also=also)
        yield from self._steps.advance(turn, intent, following, confidence=guess.score)
