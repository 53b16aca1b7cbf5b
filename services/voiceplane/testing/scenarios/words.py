"""Compare words as people do: case, punctuation and the way a recognizer writes numbers do not matter. Pure."""

import re

from voiceplane.contract.spoken_digits import NAMES, NAMES_OF_TENS
from voiceplane.planner.counting import ordinal

_NUMBERS = {word: value for value, word in enumerate(NAMES)} | {ordinal(value): value for value in (*range(21), 30)}
_NUMBERS |= {name: 10 * value for value, name in enumerate(NAMES_OF_TENS, start=2)} | {"oh": 0}
_TOKEN = re.compile(r"\d+(?=(?:st|nd|rd|th)?\b)|[a-z]+|\d+")
_SUFFIXES = frozenset({"st", "nd", "rd", "th"})


def plain(text: str) -> list[str]:
    """Return the words of a text; each digit of a number is a word, however the number was written."""
    found = _TOKEN.findall(text.lower().replace("'", "").replace("’", ""))
    tokens = [token for at, token in enumerate(found) if not (token in _SUFFIXES and at and found[at - 1].isdecimal())]
    words: list[str] = []
    at = 0
    while at < len(tokens):
        value = _NUMBERS.get(tokens[at])
        if value is None:
            words += list(tokens[at]) if tokens[at].isdecimal() else [tokens[at]]
        else:
            value, at = _below_hundred(tokens, at)
            if tokens[at + 1 : at + 2] == ["hundred"] and 1 <= value <= 9:
                at += 1
                rest = at + (2 if tokens[at + 1 : at + 2] == ["and"] else 1)
                more = tokens[rest : rest + 1]
                value *= 100
                if more and _NUMBERS.get(more[0]):
                    below, at = _below_hundred(tokens, rest)
                    value += below
            words += list(str(value))
        at += 1
    return words


def _below_hundred(tokens: list[str], at: int) -> tuple[int, int]:
    """Return the number whose first word stands here, and where its last word stands: "forty", "five"."""
    value = _NUMBERS[tokens[at]]
    following = _NUMBERS.get(tokens[at + 1], 0) if at + 1 < len(tokens) and tokens[at] in NAMES_OF_TENS else 0
    return (value + following, at + 1) if 1 <= following <= 9 else (value, at)


def find(wanted: str, heard: list[str]) -> int | None:
    """Return where one of the wanted phrases (alternatives stand between bars) begins; None when none is there."""
    for phrase in wanted.split("|"):
        words = plain(phrase)
        for at in range(len(heard) - len(words) + 1 if words else 0):
            if heard[at : at + len(words)] == words:
                return at
    return None
