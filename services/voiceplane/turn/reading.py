"""Read the caller's words for signs that more is to come. Fed by call.hearing, judged by turn.machine. Pure."""

import re
from enum import Enum


class Reading(Enum):
    """What the words so far say about the end of the turn."""

    COMPLETE = "complete"  # all that was asked for is there, or a wish that the planner understands
    UNKNOWN = "unknown"
    OPEN = "open"  # "I want to change the", half a number: the caller has not finished
    EMPTY = "empty"  # no words at all


_OPEN_ENDS = frozenset(
    "a an the and or but because so if to of for with from at in on by about into my your our his her their its this "
    "that these is are was were am be been i you we they it's i'm i'd i've there's can could would will um uh "
    "er erm hmm like number between than as when while which who what where".split()
)
_OPEN_PAIRS = frozenset({"you please", "please can", "please could", "i please"})
_CLOSED = frozenset({"i am", "it is", "there is", "i can", "i could", "i will", "you are", "yes please", "no please"})
_UNITS = "zero oh one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_TIMES = {"double": 2, "triple": 3}


def count_digits(text: str) -> int:
    """Count the digits in words or figures: "four five double two" and "45 22" have four."""
    count, times, after_tens = 0, 1, False
    for word in re.findall(r"[a-z]+|\d+", text.lower()):
        if word.isdigit():
            count += len(word) * times
        elif word in _UNITS:
            count += (0 if after_tens else 1) * times
        elif word in _TEENS or word in _TENS:
            count += 2 * times
        times = _TIMES.get(word, 1)
        after_tens = word in _TENS
    return count


def read(text: str, *, digits_wanted: int, understood: bool | None) -> Reading:
    """Judge the words so far; `understood` is the planner's word on them, None while it is not known."""
    words = re.findall(r"[a-z']+|\d+", text.lower())
    if not words:
        return Reading.EMPTY
    if text.rstrip().endswith(("...", ",", "-")) and not digits_wanted and not understood:
        return Reading.OPEN
    if digits_wanted:
        digits = count_digits(text)
        if digits:
            return Reading.COMPLETE if digits >= digits_wanted else Reading.OPEN
    last_two = " ".join(words[-2:])
    if last_two in _OPEN_PAIRS or (words[-1] in _OPEN_ENDS and last_two not in _CLOSED and len(words) > 1):
        return Reading.OPEN if not text.rstrip().endswith("?") else Reading.UNKNOWN
    return Reading.COMPLETE if understood else Reading.UNKNOWN


_TAKEN_BACK = re.compile(
    r"\b(never ?mind|forget (it|that|about)|cancel (that|it)|don't bother|stop looking|leave it)\b"
)


def takes_back(text: str) -> bool:
    """Say whether the caller does not want any more what was asked for before."""
    return _TAKEN_BACK.search(text.lower()) is not None
