"""Read a slot's value from words or keys, and write it for the ear. Pure."""

import datetime
import difflib
import re
from dataclasses import dataclass

from voiceplane.contract.agent import Slot, SlotType
from voiceplane.planner import corrections, dates
from voiceplane.planner.counting import digits

_YES = re.compile(
    r"^\W*(?:(?:oh|um|uh|well|and|hmm)\W+)*(?:yes|yeah|yea|yep|yup|ya|sure|correct|right|exactly|precisely|please do"
    r"|us(?=\W+please\b)"  # as a phone line has it
    r"|please go ahead|of course|absolutely|definitely|certainly|okay|ok|alright|all right|go ahead|sounds "
    r"(?:good|right)"
    r"|uh[ -]?huh|mm[ -]?hm+|indeed|affirmative|do it|perfect|fine|great|good|please|you got it|true|you bet"
    r"|that(?:'?s| is| would be| sounds| will be| works)?\W+(?:right|correct|it|fine|good|great|perfect|okay|ok"
    r"|for me|works)"
    r"|(?:it|that) (?:is|does|works)|i (?:do(?! not)|am(?! not)|would|think so|guess so|confirm)"
    r"|it'?s (?:correct|right|fine))\b",
    re.I,
)
_POLITE = re.compile(r"(?:\W+(?:thanks|thank you|hello|hi|hey|there))*\W*", re.I)  # after a yes
_NO = re.compile(
    r"^\W*(?:(?:oh|um|uh|well|and|hmm|actually|sorry)\W+)*(?:no(?! idea| clue)|nope|nah|naw|not(?! sure| certain)"
    r"|know(?=\W+(?:that'?s|thanks?|please|not|on|wait|sorry)\b)"  # as a phone line has it
    r"|don'?t|negative|wrong|incorrect|never"
    r"|cancel|nothing|false|forget it|stop(?!\W+\w+\W+\w+)|neither|none|i'?m (?:good|fine|done|okay)"
    r"|i (?:would not|wouldn'?t"
    r"|(?:do not|don'?t)(?! (?:know|remember|understand)))|i(?:'?m| am) not(?! sure| certain)"
    r"|(?:that|it) (?:does not|doesn'?t)"
    r"|(?:that|it)(?:'?s| is|s)? ?(?:not|isn'?t|wrong|incorrect|all)|(?:that|it) isn'?t)\b",
    re.I,
)
_AFTER_ALL = re.compile(
    r"^\W*(?:no|nope)\W+(?:(?:no|wait|sorry|actually|i mean|i meant|hang on|hold on)\W+)+(?:yes|yeah|yep)"
    r"(?:\W+(?:yes|please|it is|that'?s (?:right|fine)|do it))*\W*$",
    re.I,
)
_BOTH = re.compile(r"^\W*(?:(?:well|um|uh)\W+)*(?:yes|yeah|yep)\W+(?:(?:and|or|but)\W+)*no\W*$", re.I)
_ONCE_MORE = re.compile(r"^\W*(?:yes|yeah|yep|sure|okay|ok|no|nope|nah)\b", re.I)  # behind a yes or a no
_AND = re.compile(r"^\W*(?:(?:please|thanks|thank you|and|also|then|so|oh|um|uh|by the way|wait)\b\W*)*", re.I)
_NAME = re.compile(
    r"\b(?:my (?:full |first |last )?name is|my (?:full |first |last )?name'?s|this is|i am|i'?m|it'?s|it is"
    r"|the name is"
    r"|name'?s|name is|call me|you'?re speaking with|speaking with|you'?re talking to|under)\s+(?P<name>.+)",
    re.I,
)
_NOT_A_NAME = frozenset(
    "the a an is are was my your what where when how why who which you i it and not to for can could would should do "
    "does have has want need please hello hi yes no yeah okay ok sure thanks thank goodbye bye never nothing nobody "
    "don't know tell give sorry wait moment repeat again help parcel number that this there".split()
)
_FILLERS = re.compile(r"^(?:(?:um|uh|er|well|so|yes|yeah|sure|okay|ok|oh|hi|hello|sorry|no)\b[\s,.]*)+", re.I)
_AFTER_NAME = re.compile(r"\b(?:and|but|calling|spelled|that'?s|please|thank|thanks|speaking|here)\b", re.I)
_POSITIONS = "first second third fourth fifth sixth seventh eighth".split()
CLOSE = 0.78  # difflib ratio from which a misheard choice counts: "exspress" is "express"
MAX_NAME_WORDS = 4


@dataclass(frozen=True, slots=True)
class Locale:
    """What reading needs to know: the caller's date, and whether 5/12 is the fifth of December."""

    today: datetime.date
    day_first: bool = False


def yes_or_no(text: str) -> bool | None:
    """Return what a text answers to a yes-or-no question; None when neither."""
    if re.match(r"^\W*(?:why not|no problem|not a problem|no worries)\b", text, re.I):
        return True
    if _BOTH.match(text):
        return None
    if _NO.match(text):
        return _AFTER_ALL.match(text) is not None
    return True if _YES.match(text) else None


def behind_answer(text: str) -> str:
    """Return what stands behind the yes or no that a text begins with; all of it where it begins with neither."""
    answer = yes_or_no(text)
    pattern = None if answer is None else _YES if _YES.match(text) else _NO
    rest = text
    while pattern is not None and (found := pattern.match(rest)) is not None:
        rest, pattern = rest[found.end() :], _ONCE_MORE
    return _AND.sub("", rest)


def plainly_yes(text: str) -> bool:
    """Say whether a text is a yes and nothing else, as "yes, please" is and "please put it" is not."""
    rest = text
    while (found := _YES.match(rest)) is not None:
        rest = rest[found.end() :]
    return rest != text and _POLITE.fullmatch(rest) is not None


def read(slot: Slot, text: str, locale: Locale) -> str | None:
    """Return the value a text gives for a slot (digits may still be too few or too many); None for none."""
    match slot.type:
        case SlotType.DIGITS:
            return corrections.said_digits(text, slot.length) or None
        case SlotType.DATE:
            date = dates.find_date(text, locale.today, day_first=locale.day_first)
            return date.isoformat() if date else None
        case SlotType.YES_NO:
            answer = yes_or_no(text)
            return None if answer is None else "yes" if answer else "no"
        case SlotType.CHOICE:
            return _choice(text, slot.choices)
        case SlotType.NAME:
            return _name(text)


def read_keys(slot: Slot, keys: str) -> str | None:
    """Return the value that pressed keys give: digits as they are, 1 and 2 for yes and no, a choice by its place."""
    pressed = "".join(key for key in keys if key in "0123456789")
    if not pressed:
        return None
    match slot.type:
        case SlotType.DIGITS:
            return pressed
        case SlotType.YES_NO:
            return {"1": "yes", "2": "no"}.get(pressed)
        case SlotType.CHOICE:
            place = int(pressed) if len(pressed) < 3 else 0
            return slot.choices[place - 1] if 1 <= place <= len(slot.choices) else None
        case _:
            return None


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    lowered = text.lower()
    for part in reversed(corrections.MARKER.split(lowered)):  # "the red, no, the blue": the last one counts
        kept = re.sub(r"\bnot (?:the )?\w+", " ", part)
        named = [choice for choice in choices if re.search(rf"(?<!\w){re.escape(choice.lower())}(?!\w)", kept)]
        if named:
            return max(named, key=lambda choice: (kept.rfind(choice.lower()) + len(choice), len(choice)))
    words = re.findall(r"[a-z0-9']+", lowered)
    place = next((index for index, word in enumerate(_POSITIONS) if word in words), None)
    if place is None and words and words[-1] == "last" or words[-2:] == ["last", "one"]:
        place = len(choices) - 1
    if place is not None and place < len(choices):
        return choices[place]
    candidates = [*words, *(" ".join(pair) for pair in zip(words, words[1:], strict=False)), " ".join(words)][:200]
    close = [
        (difflib.SequenceMatcher(None, said, choice.lower()).ratio(), choice)
        for choice in choices
        for said in candidates
        if len(said) > 2
    ]
    ratio, choice = max(close, default=(0.0, ""))
    return choice if ratio >= CLOSE else None


def _name(text: str) -> str | None:
    cleaned = re.sub(r"[^\w\s'’.-]", " ", text).strip(" .")
    introduced = _NAME.search(cleaned)
    candidate = introduced["name"] if introduced else _FILLERS.sub("", cleaned)
    again = _NAME.search(candidate)  # "sorry, it's ... my name is Ann"
    candidate = _FILLERS.sub("", again["name"] if again else candidate)
    candidate = _AFTER_NAME.split(candidate)[0]
    letters = re.sub(r"[-.]", " ", candidate).split()
    if len(letters) >= 2 and all(len(letter) == 1 and letter.isalpha() for letter in letters):
        return "".join(letters).capitalize()  # spelled
    words = [word.strip(".'-") for word in candidate.split()]
    words = [word for word in words if word and not any(letter.isdigit() for letter in word)]
    if not words or {word.lower() for word in words[:MAX_NAME_WORDS]} & _NOT_A_NAME:
        return None
    if not introduced and len(words) > MAX_NAME_WORDS:
        return None
    return " ".join(word[:1].upper() + word[1:] for word in words[:MAX_NAME_WORDS])


def spoken(slot: Slot, value: str) -> str:
    """Write a value for the ear: digits one by one, dates in words."""
    if slot.type is SlotType.DIGITS:
        return digits(value)
    if slot.type is SlotType.DATE:
        return dates.spoken(datetime.date.fromisoformat(value))
    return value


def valid(slot: Slot, value: str) -> bool:
    """Say whether a value can stand in this slot: a state may come from another revision or a broken client."""
    match slot.type:
        case SlotType.DIGITS:
            right_length = slot.length in (None, len(value)) and 0 < len(value) <= 32
            return right_length and value.isascii() and value.isdecimal()
        case SlotType.DATE:
            try:
                return datetime.date.fromisoformat(value).isoformat() == value
            except ValueError:
                return False
        case SlotType.YES_NO:
            return value in ("yes", "no")
        case SlotType.CHOICE:
            return value in slot.choices
        case SlotType.NAME:
            return bool(value.strip()) and len(value) <= 100
