"""What the model wished for, checked against the agent and the caller's own words. Pure. Used by model.py.

The gates stand here and in the tool gateway, outside of the model: a function that is no intent of this agent is
refused, and a slot takes only what the caller said.
"""

import datetime
import json
import re
from dataclasses import dataclass

from voiceplane.contract.agent import Intent, Slot, SlotType, VoiceAgentSpec
from voiceplane.planner import digits, slots
from voiceplane.planner.chat import FunctionCall
from voiceplane.planner.filling import Known, keep
from voiceplane.planner.prompt import GOODBYE, PERSON

_NO_NAME = re.compile(r"[^\w\s'’.-]|[\d_]")  # no name has these, whatever letters it has


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent with the slots that may be believed, or what every agent can do (`builtin`)."""

    intent: Intent | None
    known: tuple[tuple[str, str], ...] = ()
    builtin: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a wish is refused; told to the model, so without anything that is not its own or the agent's."""

    reason: str


@dataclass(frozen=True, slots=True)
class Said:
    """The caller's words: of this turn and of those before, as they were heard."""

    now: str
    before: tuple[str, ...] = ()


def read(spec: VoiceAgentSpec, call: FunctionCall, said: Said, known: Known, locale: slots.Locale) -> Wish | Refusal:
    """Read a wish; `known` holds the slots of the dialogue so far."""
    if call.name == GOODBYE or (call.name == PERSON and spec.escalation is not None and spec.escalation.on_request):
        return Wish(None, builtin=call.name)
    intents = {intent.name: intent for intent in spec.intents}
    if call.name not in intents:
        return Refusal(f"there is no function of this name; there are {', '.join(intents)}")
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return Refusal("the arguments are not JSON")
    if not isinstance(arguments, dict):
        return Refusal("the arguments are no object")
    intent = intents[call.name]
    names = {slot.name for slot in intent.slots}
    if unknown := arguments.keys() - names:
        return Refusal(f"{len(unknown)} unknown arguments; known are {', '.join(sorted(names)) or 'none'}")
    for slot in intent.slots:
        value = _believed(slot, arguments.get(slot.name), said, locale)
        if value is not None:
            known = keep(slot, value, known).known
    return Wish(intent, tuple(sorted(known.items())))


def _believed(slot: Slot, value: object, said: Said, locale: slots.Locale) -> str | None:
    """Return the slot's value: as the flow planner reads the caller's words, else the model's if the caller said it."""
    if slot.type in (SlotType.DIGITS, SlotType.DATE, SlotType.CHOICE):
        read_here = slots.read(slot, said.now, locale)
        if read_here is not None and slots.valid(slot, read_here):
            return read_here
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    text = str(value).strip()
    if not slots.valid(slot, text):
        return None
    words = (said.now, *said.before)
    match slot.type:
        case SlotType.DIGITS:
            return text if any(text in "".join(digits.runs(each)) for each in words) else None
        case SlotType.NAME:
            heard = {word for each in words for word in _letters(each)}
            return text if set(_letters(text)) <= heard and not _NO_NAME.search(text) else None
        case SlotType.DATE:
            return text if datetime.date.fromisoformat(text) >= locale.today else None
        case _:
            return text


def _letters(text: str) -> list[str]:
    return "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()
