"""Read the caller's words for signs that more is to come. Fed by call.hearing, judged by turn.machine. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from voiceplane.contract.spoken_digits import HOMOPHONES, OHS, REPEATS, TEENS, TENS, UNITS
from voiceplane.turn.unfinished import is_preface, is_unfinished, seeks_time


class Reading(Enum):
    """What the words so far say about the end of the turn."""

    EXPECTED = "expected"  # complete, in the words of an example, or the answer to what was asked
    COMPLETE = "complete"  # all that was asked for is there, or a wish that the planner understands
    DOUBTFUL = "doubtful"  # complete, were the last word what it was taken for
    COUNTED = "counted"  # as many digits as were asked for
    OVERCOUNTED = "overcounted"  # more digits than that: some were heard twice, and nobody knows how many there are
    LACKING = "lacking"  # all of them but one: a group's rest, or a digit that was misheard
    BRIEF = "brief"  # complete, but a word that often begins more: "yes, please", "no, on Saturday"
    PREFACE = "preface"  # "good morning", "let me see": the planner knows what to say to it, and more is to come
    UNKNOWN = "unknown"  # the planner has not said
    MISHEARD = "misheard"  # a whole question of which the planner makes nothing
    UNCLEAR = "unclear"  # the planner makes nothing of the words: half a sentence, or misheard
    OPEN = "open"  # "I want to change the", half a number: the caller has not finished
    EMPTY = "empty"  # no words at all


_BRIEF = frozenset("yes yeah yep no nope okay ok sure".split())
_BEFORE_DIGITS = frozenset(
    "it is it's its the my number um uh er hmm yes yeah yep okay ok sure so well alright right oh let me see "
    "parcel package tracking order and".split()
)  # what is said while the paper is looked for
_DIGITS = UNITS | dict.fromkeys(OHS, "0")
_DIGIT_WORDS = frozenset([*_DIGITS, *HOMOPHONES, *REPEATS])
_LONG = TEENS | {word: f"{digit}0" for word, digit in TENS.items()}
_POLITE = frozenset("thank thanks you please very much".split())  # behind a yes or a no
_QUESTION_WORDS = 4  # fewer are rather the beginning of one: "How do I?"
_HEARD = 0.5  # of whisper tiny's probability of a word: at 0.4 it misses some, at 0.6 it only costs time


@dataclass(frozen=True, slots=True)
class AskedDigits:
    """What the agent has asked for: so many digits; `known` are those before them, which the caller has said."""

    missing: int = 0  # 0: none were asked for
    known: str = ""


NO_DIGITS = AskedDigits()


def said_digits(text: str) -> str:
    """Return the digits in words or figures: "four five double two" and "45 22" have four."""
    said, times, after_tens = "", 1, False
    for word in re.findall(r"[a-z]+|\d+", text.lower()):
        if word.isdigit():
            said += word * times
        elif word in HOMOPHONES and said:
            said += HOMOPHONES[word]
        elif word in _DIGITS and after_tens:
            said = said[:-1] + _DIGITS[word]
        elif word in _DIGITS:
            said += _DIGITS[word] * times
        elif word in _LONG:
            said += _LONG[word] * times
        times = REPEATS.get(word, 1)
        after_tens = word in TENS
    return said


def read(
    text: str,
    *,
    asked: AskedDigits = NO_DIGITS,
    understood: bool | None,
    expected: bool = False,
    last_word: float = 1.0,
    number: int = 0,
) -> Reading:
    """Judge the words so far; `understood` is the planner's word on them, None while it is not known.

    `expected`: they are, to the letter, what an example has or what was asked for.
    `last_word` is how sure the recognizer is of the last one: "and", "when" and "to" are misheard before a pause.
    `number`: how many digits the longest number has that the agent ever asks for.
    """
    words = re.findall(r"[a-z']+|\d+", text.lower())
    digits = _read_digits(text, words, asked=asked, understood=understood) if asked.missing else None
    if digits is not None:
        return digits
    if not words:
        return Reading.EMPTY
    if understood and is_preface(text):
        return Reading.PREFACE
    if is_unfinished(text, words, understood=bool(understood), expected=expected):
        return Reading.OPEN
    if not understood and _only_digits(words):
        # Dictated unasked, since the question was misheard: more will come, unless it is all that could be asked for.
        return Reading.COUNTED if len(said_digits(text)) == number else Reading.OPEN
    if understood and set(words) <= _BRIEF:
        return Reading.BRIEF
    if understood and (expected or _polite(words)):
        return Reading.EXPECTED
    if understood and last_word < _HEARD:
        return Reading.DOUBTFUL
    whole = len(words) >= _QUESTION_WORDS and text.rstrip().endswith("?") and last_word >= _HEARD
    if understood is False and whole:
        return Reading.MISHEARD
    if understood is False and len(words) < _QUESTION_WORDS and not _polite(words) and not asked.missing:
        return Reading.OPEN  # so short it is rather the beginning of a sentence than one in other words
    return _FROM_PLANNER[understood]


_FROM_PLANNER = {True: Reading.COMPLETE, False: Reading.UNCLEAR, None: Reading.UNKNOWN}


def _read_digits(text: str, words: list[str], *, asked: AskedDigits, understood: bool | None) -> Reading | None:
    """Judge the answer to a question for digits, None where it is none, but a sentence like any other.

    A word or two that are none may be a digit misheard.
    """
    said, wanted = said_digits(text), asked.missing
    once_more = _once_more(said, asked, plain=set(words) <= _BEFORE_DIGITS | _DIGIT_WORDS)
    if once_more or len(said) > wanted:
        wanted += len(asked.known)
        if understood and not once_more and len(said) < wanted:
            return Reading.COMPLETE  # "sorry, the last one is a seven"
    if len(said) > wanted and not understood:
        return Reading.OVERCOUNTED
    if asked.known and said == asked.known[0] and wanted == 1:
        return Reading.LACKING  # the one digit that was missing, or the first of all once more
    if len(said) >= wanted:
        return Reading.COUNTED
    if said:
        return Reading.LACKING if 1 < wanted == len(said) + 1 else Reading.OPEN
    if seeks_time(text):
        return Reading.OPEN  # a planner understands it, and the digits are what follows
    if _polite(words) and len(words) > 1 and not understood:
        return Reading.BRIEF  # "yes, please": no digit sounds like it; a bare yes may come before them
    if not understood and (len(words) <= 2 or set(words) <= _BEFORE_DIGITS):
        return Reading.OPEN
    return None


def _once_more(said: str, asked: AskedDigits, *, plain: bool) -> bool:
    """Say whether a caller who was asked for the rest of a number begins all of it once more.

    `plain`: nothing else was said. Of three digits or more one may be another then, as each time one is misheard; the
    rest of a number begins so like the number itself in one of 36.
    """
    least = min(len(said), len(asked.known))
    others = sum(one != other for one, other in zip(said[:least], asked.known, strict=False))
    return least > 1 and others <= (plain and least > 2)


def _polite(words: list[str]) -> bool:
    """Say whether this is a yes or a no and nothing else than thanks or please."""
    return bool(words) and words[0] in _BRIEF and set(words[1:]) <= _POLITE


def _only_digits(words: list[str]) -> bool:
    return all(word.isdigit() or word in _DIGITS or word in HOMOPHONES for word in words)
