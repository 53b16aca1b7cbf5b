"""Read a slot's value from words, and write it for the ear. Pure."""

import datetime
import difflib
import re

from voiceplane.contract.agent import Slot, SlotType
from voiceplane.planner import corrections, dates

_YES = re.compile(
    r"^\W*(yes|yeah|yep|yup|sure|correct|right|exactly|please do|that'?s (right|correct|it|fine)|of course|absolutely"
    r"|definitely|okay|ok|go ahead|sounds good|uh.?huh|mm.?hm+|indeed|affirmative|do it|perfect|fine)\b",
    re.I,
)
_NO = re.compile(
    r"^\W*(no|nope|nah|not|don'?t|negative|wrong|incorrect|never|cancel|that'?s (not|wrong|incorrect|it|all)"
    r"|nothing|i'?m (good|fine|done))\b",
    re.I,
)
_NAME = re.compile(
    r"(?:my name is|my name'?s|this is|i am|i'?m|it'?s|it is|the name is|name'?s|call me|speaking with)\s+(.+)", re.I
)
_NOT_A_NAME = frozenset("the a an is are my your what where when how why you i it and not to for can could".split())


def yes_or_no(text: str) -> bool | None:
    """Return what a text answers to a yes-or-no question; None when neither."""
    if re.match(r"^\W*(not? (really|quite)|no)\b", text, re.I):
        return False
    if _YES.match(text):
        return True
    return False if _NO.match(text) else None


def read(slot: Slot, text: str, today: datetime.date) -> str | None:
    """Return the value a text gives for a slot (digits may still be too few); None for none."""
    match slot.type:
        case SlotType.DIGITS:
            return corrections.said_digits(text, slot.length) or None
        case SlotType.DATE:
            date = dates.find_date(text, today)
            return date.isoformat() if date else None
        case SlotType.YES_NO:
            answer = yes_or_no(text)
            return None if answer is None else "yes" if answer else "no"
        case SlotType.CHOICE:
            return _choice(text, slot.choices)
        case SlotType.NAME:
            return _name(text)


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    lowered = text.lower()
    named = [choice for choice in choices if re.search(rf"\b{re.escape(choice.lower())}\b", lowered)]
    if named:
        return max(named, key=lambda choice: lowered.rfind(choice.lower()))  # "the red, no, the blue"
    words = re.findall(r"[a-z0-9']+", lowered)
    ordinal = next((n for n, word in enumerate(("first", "second", "third", "fourth", "fifth")) if word in words), None)
    if ordinal is not None and ordinal < len(choices):
        return choices[ordinal]
    close = [
        (difflib.SequenceMatcher(None, word, choice.lower()).ratio(), choice)
        for choice in choices
        for word in (*words, lowered)
    ]
    ratio, choice = max(close, default=(0.0, ""))
    return choice if ratio >= 0.75 else None


def _name(text: str) -> str | None:
    cleaned = re.sub(r"[^\w\s'.-]", " ", text).strip(" .")
    introduced = _NAME.search(cleaned)
    candidate = introduced[1] if introduced else cleaned
    letters = candidate.replace("-", " ").split()
    if len(letters) >= 3 and all(len(letter) == 1 for letter in letters):
        return "".join(letters).capitalize()  # spelled
    words = [word for word in re.split(r"\s+", candidate) if word and not any(c.isdigit() for c in word)][:4]
    if not words or (not introduced and (len(words) > 3 or {word.lower() for word in words} & _NOT_A_NAME)):
        return None
    return " ".join(word[:1].upper() + word[1:] for word in words)


def spoken(slot: Slot, value: str) -> str:
    """Write a value for the ear: digits one by one, dates in words."""
    if slot.type is SlotType.DIGITS:
        return " ".join(value)
    if slot.type is SlotType.DATE:
        return dates.spoken(datetime.date.fromisoformat(value))
    return value


def complete(slot: Slot, value: str | None) -> bool:
    """Say whether a slot is filled: digits need their length."""
    return value is not None and (slot.type is not SlotType.DIGITS or slot.length in (None, len(value)))
