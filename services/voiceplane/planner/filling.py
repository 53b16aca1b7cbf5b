"""The form of an intent: slots read, continued, corrected and forgotten in a dialogue state. Read by flow. Pure.

Beside a slot `x` the state may hold `x.partial` (digits said so far) and `x.confirmed`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from voiceplane.contract.agent import Intent, Slot, SlotType, VoiceAgentSpec
from voiceplane.contract.dialogue import DialogueState, RunningTool
from voiceplane.planner import any_day, asides, corrections, slots

PARTIAL = ".partial"
CONFIRMED = ".confirmed"
MAX_UNSURE = 1000  # where counting stops: the wire holds no more than 32 bits
_LACKING = re.compile(
    r"\b(?:(?:don'?t|do not|can'?t|cannot|couldn'?t) (?:\w+ )?(?:have|know|remember|find|recall|see)\b"
    r"|i(?:'ve| have)? (?:lost|forgot|forgotten) (?:it|that|the|my)\b|haven'?t got (?:it|that|the|my|one)\b"
    r"|no (?:idea|clue)\b|not sure\b)",
    re.I,
)
_WRONG = re.compile(
    r"\b(?:wrong|incorrect|not (?:that|this) one|not (?:right|correct)|isn'?t (?:right|correct))\b"
    r"|^\W*(?:no|nope)\W+(?:(?:sorry|wait|please)\W+)*(?:on|for|i meant?|i said(?! no)|make (?:it|that)|the|next)\b",
    re.I,
)  # the second: "No, on cyber D", a day misheard
_CHANGE = re.compile(
    r"\b(?:change|wrong|incorrect|(?:an|the )?other|different|too (?:late|early|soon)|earlier|later|sooner)\b", re.I
)
Known = dict[str, str]
Nearest = Callable[[str, Sequence[str]], str | None]  # a choice by meaning; None when unsure


class Reading(Enum):
    """How an answer fits its slot."""

    FULL = auto()
    PARTIAL = auto()  # some of the digits
    AGAIN = auto()  # too few digits, and not the rest of what was said before
    TOO_LONG = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """A slot read into a copy of what is known."""

    known: Known
    reading: Reading
    digits: int = 0  # how many were heard
    chosen: bool = False  # by us, of what the caller left open: not without his yes


def read(slot: Slot, text: str, known: Known, *, locale: slots.Locale, nearest: Nearest) -> Answer | None:
    """Read a slot from words, continuing digits said before; None when the text has nothing for it."""
    partial = known.get(slot.name + PARTIAL, "")
    if slot.type is SlotType.DIGITS and partial:
        whole = corrections.finished(partial, text, slot.length or 0)
        put_right = whole or corrections.corrected(partial, text, slot.length)
        if put_right is not None:
            return keep(slot, put_right, known)
        rest = corrections.said_digits(text, (slot.length or 0) - len(partial))
        if rest and len(partial + rest) <= (slot.length or 0):
            return keep(slot, partial + rest, known)
    value = slots.read(slot, text, locale)
    if slot.type is SlotType.DIGITS and len(value or "") < (slot.length or 0) and asides.says_the_end(text):
        return None  # its end is no beginning
    if value is None and slot.type is SlotType.CHOICE:
        value = nearest(text, slot.choices)
    if value is None and slot.type is SlotType.DATE:
        return left_open(slot, text, known, locale)
    return keep(slot, value, known) if value is not None else None


def left_open(slot: Slot, text: str, known: Known, locale: slots.Locale) -> Answer | None:
    """Choose the first day that suits a caller who names none; None where he says no such thing."""
    day = any_day.earliest(text, locale.today) if slot.type is SlotType.DATE else None
    return None if day is None else replace(keep(slot, day.isoformat(), known), chosen=True)


def keep(slot: Slot, value: str, known: Known) -> Answer:
    """Put a value in its slot; one that is too short or too long does not count as an answer."""
    partial = known.get(slot.name + PARTIAL, "")
    filled = without(known, slot)
    if slot.type is SlotType.DIGITS and slot.length is not None and len(value) != slot.length:
        if len(value) > slot.length:
            return Answer(filled, Reading.TOO_LONG, len(value))
        filled[slot.name + PARTIAL] = value
        again = bool(partial) and len(value) <= len(partial) and value[:1] != partial[:1]
        again = again or value == partial
        return Answer(filled, Reading.AGAIN if again else Reading.PARTIAL, len(value))
    filled[slot.name] = value[:100]
    return Answer(filled, Reading.FULL, len(value))


def ahead(intent: Intent, text: str, known: Known, locale: slots.Locale) -> Known | None:
    """Take a day or a choice that is said before it is asked for; None where the text has none."""
    for slot in intent.slots:
        if slot.type in (SlotType.DATE, SlotType.CHOICE) and slot.name not in known and not lacks(text):
            value = slots.read(slot, text, locale)
            if value is not None:
                return keep(slot, value, known).known
    return None


def said_with(intent: Intent, text: str, known: Known, locale: slots.Locale) -> Known:
    """Keep what was said for an intent in the same breath.

    Too easily heard into a wish: a name counts only when it is introduced, a choice by its own words.
    """
    for slot in intent.slots:
        introduced = slot.type is not SlotType.NAME or re.search(r"\bmy name\b", text, re.I) is not None
        value = slots.read(slot, text, locale) if introduced and slot.type is not SlotType.YES_NO else None
        if value is not None and (slot.type is not SlotType.CHOICE or value.lower() in text.lower()):
            known = keep(slot, value, known).known
        open_day = left_open(slot, text, known, locale) if intent.confirm is not None else None
        if value is None and open_day is not None:
            known = open_day.known
    return known


def without(known: Known, *forgotten: Slot) -> Known:
    """Forget slots with all that stands beside them."""
    names = {slot.name for slot in forgotten}
    return {key: value for key, value in known.items() if key.partition(".")[0] not in names}


def correct(slot: Slot, text: str, known: Known, locale: slots.Locale) -> Known | None:
    """Apply "no, I said five" or "no, on Friday" to a slot that has a value; None when nothing is corrected."""
    value: str | None = None
    if slot.type is SlotType.DIGITS:
        value = corrections.corrected(known[slot.name], text, slot.length)
    elif slot.type in (SlotType.DATE, SlotType.CHOICE):
        value = slots.read(slot, text, locale)
    elif slot.type is SlotType.NAME and slots.yes_or_no(text) is False:
        value = slots.read(slot, text, locale)
    if value is None or value == known[slot.name] or not slots.valid(slot, value):
        return None
    return keep(slot, value, known).known


def put_right(doubted: Sequence[Slot], text: str, known: Known, locale: slots.Locale) -> Known | None:
    """Apply a correction to the first of these slots that it fits; None when nothing is corrected."""
    for slot in doubted:
        corrected = correct(slot, text, known, locale) if slot.name in known else None
        if corrected is not None:
            return corrected
    return None


def lacks(text: str) -> bool:
    """Say whether a caller cannot give what was asked for: "I don't have the number"."""
    return _LACKING.search(text) is not None


def says_wrong(text: str) -> bool:
    """Say whether a no is about what was heard, and not about what was asked: "no, that is wrong"."""
    return _WRONG.search(text) is not None


def wants_another(text: str) -> bool:
    """Say whether a value is to be another one, whatever the words begin with: "change the day", "that's too late"."""
    return _CHANGE.search(text) is not None


def disputed(intent: Intent, text: str, known: Known) -> Slot | None:
    """Find the slot of "no, the number is wrong": named, but without the right value."""
    lowered = text.lower()
    words: dict[SlotType, tuple[str, ...]] = {
        SlotType.DIGITS: ("number", "digit"),
        SlotType.DATE: ("day", "date", "late", "early", "earlier", "soon"),
        SlotType.NAME: ("name",),
        SlotType.CHOICE: (),
        SlotType.YES_NO: (),
    }
    named = (
        slot
        for slot in intent.slots
        if slot.name in known and any(word in lowered for word in (*slot.name.split("_"), *words[slot.type]))
    )
    return next(named, None)


def _belongs(key: str, value: str, every: dict[str, list[Slot]]) -> bool:
    name, _, beside = key.partition(".")
    named = every.get(name, [])
    if beside == "partial":
        return value.isascii() and value.isdecimal() and any(len(value) < (slot.length or 0) for slot in named)
    if beside == "confirmed":
        return value == "yes" and bool(named)
    return not beside and any(slots.valid(slot, value) for slot in named)


def _sound_tool(tool: RunningTool, every: dict[str, list[Slot]]) -> RunningTool:
    return replace(tool, slots=tuple((key, value) for key, value in tool.slots if _belongs(key, value, every)))


def sound(spec: VoiceAgentSpec, state: DialogueState) -> DialogueState:
    """Drop from a state what this agent does not know, so that nothing after this has to doubt it."""
    intents = {each.name: each for each in spec.intents}
    done = tuple(dict.fromkeys(name for name in state.done_intents if name in intents))  # each once: bounded
    every: dict[str, list[Slot]] = {}
    for each in spec.intents:
        for slot in each.slots:
            every.setdefault(slot.name, []).append(slot)
    known = {key: value for key, value in state.slots if _belongs(key, value, every)}
    running = tuple(tool for tool in state.running if tool.intent in intents and intents[tool.intent].tool == tool.tool)
    state = replace(state, slots=tuple(sorted(known.items())), done_intents=done, unsure=min(state.unsure, MAX_UNSURE))
    state = replace(state, running=tuple(_sound_tool(tool, every) for tool in running))
    wanted = intents.get(state.wanted)
    if wanted is None or wanted.tool is None or not all(slot.name in known for slot in wanted.slots):
        state = replace(state, wanted="")
    if state.also not in intents:
        state = replace(state, also="")
    intent = intents.get(state.intent)
    if intent is None:
        return replace(state, intent="", asking="", confirming=False, confirming_slot="")
    names = {slot.name for slot in intent.slots}
    filled = all(slot.name in known for slot in intent.slots)
    return replace(
        state,
        asking=state.asking if state.asking in names else "",
        confirming=state.confirming and filled,
        confirming_slot=state.confirming_slot if state.confirming_slot in names & known.keys() else "",
    )
