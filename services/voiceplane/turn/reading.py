"""Read the caller's words for signs that more is to come. Fed by call.hearing, judged by turn.machine. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from voiceplane.contract.spoken_digits import HOMOPHONES, OHS, REPEATS, TEENS, TENS, UNITS


class Reading(Enum):
    """What the words so far say about the end of the turn."""

    EXPECTED = "expected"  # complete, in the words of an example, or the answer to what was asked
    COMPLETE = "complete"  # all that was asked for is there, or a wish that the planner understands
    DOUBTFUL = "doubtful"  # complete, were the last word what it was taken for
    COUNTED = "counted"  # as many digits as were asked for
    OVERCOUNTED = "overcounted"  # more digits than that: some were heard twice, and nobody knows how many there are
    LACKING = "lacking"  # all of them but one: a group's rest, or a digit that was misheard
    BRIEF = "brief"  # complete, but a word that often begins more: "yes, please", "no, on Saturday"
    UNKNOWN = "unknown"  # the planner has not said
    MISHEARD = "misheard"  # a whole question of which the planner makes nothing
    UNCLEAR = "unclear"  # the planner makes nothing of the words: half a sentence, or misheard
    OPEN = "open"  # "I want to change the", half a number: the caller has not finished
    EMPTY = "empty"  # no words at all


_OPEN_ENDS = frozenset(
    "a an the and or but because so if to of for with from at in on by about into my your our his her their its this "
    "that these is are was were am be been i we they it's i'm i'd i've there's can could would will um uh "
    "er erm hmm like number between than as when while which who what where".split()
)
_OPEN_PAIRS = frozenset(
    {"you please", "please can", "please could", "i please"}
    | {f"{word} you" for word in "can could would will do did does have are were if when what that and".split()}
)
# These never end a sentence, also where the recognizer makes a question of it.
_NEVER_LAST = frozenset(
    "a an the and or but because if whether when while unless until although than my your our their um uh".split()
)
# A phone line makes "the end" of "Monday and", and "Monday end"; these stand before an end that is meant.
_DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_BEFORE_THE_END = frozenset("at in by till until to near before from of after since toward towards around".split())
_CLOSED = frozenset({"i am", "it is", "there is", "i can", "i could", "i will", "you are", "yes please", "no please"})
# What asks for more whatever the voice does: recognizers put a question mark behind "Can you tell me".
_STEM = re.compile(
    r"(?:(?:um|uh|er|well|so|hi|hello|hey|okay|yes|yeah|please|and)\W+)*"
    r"(?:(?:can|could|would|will) (?:you|i|we)(?: please)?(?: (?:tell|show|give)(?: me)?| check| find out| look up)?"
    r"|(?:tell|show|give) me|(?:what|where|when|how|who|which) (?:is|are|was|were|do|does|did|can|will)"
    r"(?: your| my| the)?|(?:what|when) (?:are|do|did|can|will) you|(?:is|was|would) it (?:be )?possible"
    r"|i (?:just )?(?:want|wanted|need|would like|'d like) to (?:know|ask|check|find out)(?: if| it| whether| about)?"
    r"|(?:do|does|did|is|are|was|were|have|has) (?:you|the|my|your|it|there))\W*",
    re.I,
)
_BRIEF = frozenset("yes yeah yep no nope okay ok sure hello hi".split())
_BEFORE_DIGITS = frozenset(
    "it is it's its the my number um uh er hmm yes yeah yep okay ok sure so well alright right oh let me see "
    "parcel package tracking order and".split()
)  # what is said while the paper is looked for
_DIGITS = UNITS | dict.fromkeys(OHS, "0")
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
    if asked.missing:
        return _read_digits(text, words, asked=asked, understood=understood)
    if not words:
        return Reading.EMPTY
    if _is_open(text, words, understood=bool(understood)):
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
    return _FROM_PLANNER[understood]


_FROM_PLANNER = {True: Reading.COMPLETE, False: Reading.UNCLEAR, None: Reading.UNKNOWN}


def _read_digits(text: str, words: list[str], *, asked: AskedDigits, understood: bool | None) -> Reading:
    """Judge the answer to a question for digits; a word or two that are none may be a digit misheard."""
    said, wanted = said_digits(text), asked.missing
    once_more = _once_more(said, asked)
    if once_more or len(said) > wanted:
        wanted += len(asked.known)
        if understood and not once_more and len(said) < wanted:
            return Reading.COMPLETE  # "sorry, the last one is a seven"
    if len(said) > wanted and not understood:
        return Reading.OVERCOUNTED
    if len(said) >= wanted:
        return Reading.COUNTED
    if said:
        return Reading.LACKING if 1 < wanted == len(said) + 1 else Reading.OPEN
    if understood and words:
        return Reading.COMPLETE
    if _polite(words) and len(words) > 1:
        return Reading.BRIEF  # "yes, please": no digit sounds like it; a bare yes may come before them
    if len(words) <= 2 or set(words) <= _BEFORE_DIGITS:
        return Reading.OPEN
    return _FROM_PLANNER[understood]


def _once_more(said: str, asked: AskedDigits) -> bool:
    """Say whether a caller who was asked for the rest of a number begins all of it once more."""
    least = min(len(said), len(asked.known))
    return least > 1 and said[:least] == asked.known[:least]


def _polite(words: list[str]) -> bool:
    """Say whether this is a yes or a no and nothing else than thanks or please."""
    return bool(words) and words[0] in _BRIEF and set(words[1:]) <= _POLITE


def _only_digits(words: list[str]) -> bool:
    return all(word.isdigit() or word in _DIGITS or word in HOMOPHONES for word in words)


def _is_open(text: str, words: list[str], *, understood: bool) -> bool:
    """Say whether the sentence asks for more: "can you tell me", "I want to change the", "well..."."""
    if _STEM.fullmatch(text.strip()) is not None:
        return True
    if text.rstrip().endswith(("...", ",", "-")) and not understood:
        return True
    if len(words) > 3 and words[-1] in _NEVER_LAST:
        return True
    if text.rstrip().endswith("?"):
        return False
    if len(words) > 3 and words[-1] == "end" and _is_and(words[-3], words[-2]):
        return True
    last_two = " ".join(words[-2:])
    return last_two in _OPEN_PAIRS or (words[-1] in _OPEN_ENDS and last_two not in _CLOSED and len(words) > 1)


def _is_and(before: str, last: str) -> bool:
    """Say whether an "end" behind these two words was rather an "and"."""
    return last in _DAYS or (last == "the" and before not in _BEFORE_THE_END)
