"""Digits as people say them and as a recognizer writes them. Read by slots and corrections. Pure.

Most words have one reading, some two ("two thousand five" is 2005, or 2000 and 5; "to" is a word or a 2). A run keeps
every reading and the expected length chooses; the first reading is the likeliest and holds where no length helps.
"""

import itertools
import re
from collections.abc import Sequence

from voiceplane.contract.spoken_digits import HOMOPHONES, OHS, REPEATS, TEENS, TENS, UNITS

Readings = tuple[str, ...]  # likeliest first; "" where the word may mean nothing
Run = list[Readings]

JOINERS = frozenset("and then dash uh um er hyphen space comma hmm ah followed by a".split())  # said between digits
_PLURALS = {f"{word}{'es' if word == 'six' else 's'}": digit for word, digit in UNITS.items()} | {"zeroes": "0"}
_SCALES = {"hundred": 2, "thousand": 3}
_MEASURED = frozenset(
    "moment moments second seconds sec secs minute minutes hour hours day days week weeks month months year "
    "years thing "
    "things time times more of way last".split()
)
_POINTING = frozenset(
    "the that this other another no which any every some wrong right new old same correct only".split()
)
_TOKEN = re.compile(r"[a-z]+|[0-9]+")
_SPOKEN = "|".join([*UNITS, *TEENS, *TENS, *REPEATS, *_SCALES, *sorted(OHS)])
_REFERENCE = re.compile(rf"\b(?:\d{{3,}}|(?:(?:\d+|{_SPOKEN})\b[\s,.-]*){{3,}})(?!\w)", re.I)
_WORDS = "|".join([*UNITS, *TEENS, *TENS, *REPEATS, *_SCALES, *_PLURALS, *sorted(OHS)])
_BETWEEN = "|".join([*HOMOPHONES, *sorted(JOINERS)])
_GAP = r"[\s,.:;/-]+"
# A stretch of digits however it is said: "twelve thirty", "one two for five", "1-2-3-4". Begins and ends with a number.
_STRETCH = re.compile(
    rf"(?<!\w)(?:\d+|{_WORDS})(?!\w)(?:{_GAP}(?:(?:{_BETWEEN}){_GAP})*(?:\d+|{_WORDS})(?!\w))*|\d{{3,}}",
    re.I,
)
_TELLING = 3  # digits; fewer say nothing about a PIN
_READINGS = 256  # combinations that are looked at; a hostile text has many


def without_numbers(text: str) -> str:
    """Return a text without its stretches of three or more digits: a reference says nothing about what is wanted."""
    return " ".join(_REFERENCE.sub(" ", text).split())


def hidden(text: str) -> str:
    """Return a text with a mark in the place of each stretch of three or more digits, spoken or written."""

    def mark(found: re.Match[str]) -> str:
        longest = max(sum(map(len, runs(found[0]))), sum(map(str.isdecimal, found[0])))
        return " [digits] " if longest >= _TELLING else found[0]

    return " ".join(_STRETCH.sub(mark, text).split())


def spoken_as_digits(text: str) -> str:
    """Return a text with its stretches of three or more spoken digits written as one number each."""
    return _REFERENCE.sub(lambda found: f" {' '.join(runs(found.group()))} ", text)


def runs(text: str) -> list[str]:
    """Return the stretches of digits in a text, in order; other words end a stretch."""
    return [digits for digits in map(_first, _runs(_tokens(text))) if digits]


def best_run(text: str, length: int | None) -> str:
    """Return the likeliest digits: what fits the wanted length, else the longest stretch; "" for none."""
    found = _runs(_tokens(text))
    if length is not None:
        for run in reversed(found):  # the last one: people correct themselves forwards
            fitting = _fit(run, length)
            if fitting:
                return fitting
        together = _fit([group for run in found for group in run], length)
        if together:
            return together
    return max(map(_first, found), key=len, default="")


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(re.sub(r"['’]", "", text.lower()))


def _first(run: Run) -> str:
    return "".join(group[0] for group in run)


def _fit(run: Run, length: int) -> str | None:
    """Return the likeliest reading of a run that has this length."""
    several = itertools.islice(itertools.product(*(range(len(group)) for group in run)), _READINGS)
    for choice in sorted(several, key=lambda picks: sum(map(bool, picks))):
        digits = "".join(group[pick] for group, pick in zip(run, choice, strict=True))
        if len(digits) == length:
            return digits
    return None


def _runs(tokens: Sequence[str]) -> list[Run]:
    found: list[Run] = []
    current: Run = []
    index = 0
    while index < len(tokens):
        group, used = _ambiguous(tokens, index, started=bool(current)) or _number(tokens, index)
        if used:
            current.append(group)
            index += used
            continue
        if not (current and tokens[index] in JOINERS) and current:
            found.append(current)
            current = []
        index += 1
    return [*found, current] if current else found


def _numberish(tokens: Sequence[str], at: int) -> bool:
    return at < len(tokens) and (tokens[at] in OHS or _number(tokens, at)[1] > 0)


def _ambiguous(tokens: Sequence[str], at: int, *, started: bool) -> tuple[Readings, int] | None:
    """Read a word that is a digit only among digits; None for all others."""
    token = tokens[at]
    if token == "one" and not started and not _numberish(tokens, at + 1) and len(tokens) > 1:
        before = tokens[at - 1] if at else ""
        if before in _POINTING or (at + 1 < len(tokens) and tokens[at + 1] in _MEASURED):
            return (), 0  # "the other one", "one moment"
    if at + 1 < len(tokens) and tokens[at + 1] in _MEASURED and not started and _number(tokens, at)[1] == 1:
        return (), 0  # "two seconds"
    digit = "0" if token in OHS else HOMOPHONES.get(token)
    if digit is None:
        return None
    beyond = at + 1
    while beyond < len(tokens) and (tokens[beyond] in HOMOPHONES or tokens[beyond] in JOINERS):
        beyond += 1
    followed, last = _numberish(tokens, beyond), beyond == len(tokens)
    if started and (followed or last):
        return (digit, ""), 1
    if started:
        return ("", digit), 1  # "452210 to Friday"
    if followed:
        return (("0", "") if token in OHS else ("", digit)), 1
    return (("", digit), 1) if last and at == 0 else ((), 0)


def _number(tokens: Sequence[str], at: int) -> tuple[Readings, int]:
    """Read the number that starts at a place; returns its readings and how many tokens it took, 0 for none."""
    if tokens[at] in REPEATS:
        return _repeated(tokens, at)
    if tokens[at] == "a" and at + 1 < len(tokens) and tokens[at + 1] in _SCALES:
        digits, used = "1", 1
    else:
        digits, used = _below_hundred(tokens, at)
    if not used:
        return (), 0
    following = tokens[at + used] if at + used < len(tokens) else ""
    if following in _PLURALS and len(digits) == 1 and digits in "23456789":
        return (_PLURALS[following] * int(digits), digits + _PLURALS[following]), 2  # "three sevens"
    if following == "hundred":
        readings, used = _scaled(tokens, at, used, digits)
        if at + used < len(tokens) and tokens[at + used] == "thousand":
            return _scaled(tokens, at, used, readings[0])
        return readings, used
    if following == "thousand":
        return _scaled(tokens, at, used, digits)
    if used == 2:
        return (digits, digits[0] + "0" + digits[1]), 2  # "twenty five": 25, or 20 and 5
    return (digits,), used


def _repeated(tokens: Sequence[str], at: int) -> tuple[Readings, int]:
    times = REPEATS[tokens[at]]
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    digit = "0" if following in OHS else HOMOPHONES.get(following) or _PLURALS.get(following) or UNITS.get(following)
    if digit is not None:
        return (digit * times,), 2
    if following.isdecimal():  # a recognizer may write "double 22" for "double two two"
        return (following[0] * times + following[1:], following * times), 2
    return (), 0


def _below_hundred(tokens: Sequence[str], at: int) -> tuple[str, int]:
    if at >= len(tokens):
        return "", 0
    token = tokens[at]
    if token.isdecimal():
        return token, 1
    if token in UNITS or token in TEENS:
        return UNITS.get(token) or TEENS[token], 1
    if token not in TENS:
        return "", 0
    unit = UNITS.get(tokens[at + 1], "0") if at + 1 < len(tokens) else "0"
    return (TENS[token] + unit, 2) if unit != "0" else (TENS[token] + "0", 1)


def _scaled(tokens: Sequence[str], at: int, used: int, digits: str) -> tuple[Readings, int]:
    """Read on after "hundred" or "thousand": "five hundred (and) seven" is 507, perhaps 500 and 7."""
    scale = _SCALES[tokens[at + used]]
    zeros, used = "0" * scale, used + 1
    beyond = at + used + (at + used < len(tokens) and tokens[at + used] == "and")
    rest, more = _below_hundred(tokens, beyond)
    if scale == 3 and more and beyond + more < len(tokens) and tokens[beyond + more] == "hundred":
        readings, more = _scaled(tokens, beyond, more, rest)
        rest = readings[0]
    if not more or len(rest) > scale:
        return (digits + zeros,), used
    return (digits + rest.rjust(scale, "0"), digits + zeros + rest), beyond - at + more
