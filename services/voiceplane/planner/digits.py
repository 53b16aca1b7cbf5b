"""Digits as people say them: "four five double two", "forty-five twenty-two", "4-5-2, oh nine". Pure."""

import re

UNITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
    "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6", "seventy": "7",
    "eighty": "8", "ninety": "9",
}  # fmt: skip
REPEATS = {"double": 2, "triple": 3, "treble": 3}
HOMOPHONES = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8", "tree": "3", "sex": "6", "nein": "9"}
JOINERS = {"and", "then", "dash", "uh", "um", "hyphen", "space"}  # said between digits, mean nothing
_TOKEN = re.compile(r"[a-z]+|\d+")


def runs(text: str) -> list[str]:
    """Return the stretches of digits in a text, in order; other words end a stretch."""
    tokens = _TOKEN.findall(text.lower().replace("'", ""))
    found: list[str] = []
    current = ""
    index = 0
    while index < len(tokens):
        digits, used = _read(tokens, index, started=bool(current))
        if used:
            current += digits
            index += used
            continue
        if not (current and tokens[index] in JOINERS):
            if current:
                found.append(current)
            current = ""
        index += 1
    return [*found, current] if current else found


def best_run(text: str, length: int | None) -> str:
    """Return the likeliest answer: the stretch of the wanted length, else all joined if that fits, else the longest."""
    found = runs(text)
    if not found:
        return ""
    if length is None:
        return max(found, key=len)
    exact = [run for run in found if len(run) == length]
    joined = "".join(found)
    return exact[-1] if exact else joined if len(joined) == length else max(found, key=len)


def _read(tokens: list[str], at: int, *, started: bool) -> tuple[str, int]:
    """Read what stands at a place; returns the digits and how many tokens they took, 0 for none."""
    token = tokens[at]
    if token in REPEATS:
        digits, used = _single(tokens, at + 1)
        return (digits[0] * REPEATS[token] + digits[1:], used + 1) if used else ("", 0)
    if token in HOMOPHONES:
        before = started
        beyond = next((i for i in range(at + 1, len(tokens)) if tokens[i] not in HOMOPHONES), len(tokens))
        after = bool(_single(tokens, beyond)[1])
        return (HOMOPHONES[token], 1) if before and after or (before and at + 1 == len(tokens)) else ("", 0)
    digits, used = _single(tokens, at)
    if used and at + used < len(tokens) and tokens[at + used] == "hundred":
        return _hundreds(tokens, at + used + 1, digits, used + 1)
    return digits, used


def _single(tokens: list[str], at: int) -> tuple[str, int]:
    if at >= len(tokens):
        return "", 0
    token = tokens[at]
    if token.isdigit():
        return token, 1
    if token in UNITS:
        return UNITS[token], 1
    if token in TEENS:
        return TEENS[token], 1
    if token in TENS:
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        if following in UNITS and UNITS[following] != "0":
            return TENS[token] + UNITS[following], 2
        return TENS[token] + "0", 1
    return "", 0


def _hundreds(tokens: list[str], at: int, digits: str, used: int) -> tuple[str, int]:
    if at < len(tokens) and tokens[at] == "and":
        at, used = at + 1, used + 1
    rest, more = _single(tokens, at)
    if more and len(rest) <= 2:
        return digits + rest.rjust(2, "0"), used + more
    return digits + "00", used


_NEGATION = re.compile(r"\b(no|not|sorry|wrong|actually|i said|i meant|correction|instead)\b")
_PLACE = re.compile(r"\b(first|last)\b.*\b(?:digit|number|one)\b|\b(first|last)\b")
_SWAP = (
    re.compile(r"\bnot (?P<old>.+?)[,;]? (?:but )?(?P<new>\S+)[.!]?$"),
    re.compile(r"(?P<new>\S+?)[,;]? (?:and )?not (?P<old>.+?)[.!]?$"),
)


def correct(known: str, text: str, length: int | None) -> str | None:
    """Apply a correction such as "no, I said five" or "the last digit is 7" to digits already given; None for none."""
    lowered = text.lower().strip()
    said = best_run(lowered, length)
    place = _PLACE.search(lowered)
    last = (runs(lowered) or [""])[-1]
    if place and known and len(last) == 1:
        return last + known[1:] if "first" in (place[1], place[2]) else known[:-1] + last
    if not _NEGATION.search(lowered):
        return None
    for pattern in _SWAP:
        swap = pattern.search(lowered)
        if swap is not None:
            old, new = "".join(runs(swap["old"])), "".join(runs(swap["new"]))
            if old and new and known.count(old) == 1:
                return known.replace(old, new)
    if not said:
        return None
    if len(said) == 1 and known:
        return known[:-1] + said  # "no, I said five": it is about the last one
    return said
