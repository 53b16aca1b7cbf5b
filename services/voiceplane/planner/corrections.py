"""What a caller puts right: "no, I said five", "the last digit is seven", "four five, sorry, four six". Pure."""

import re

from voiceplane.planner.digits import best_run, runs

MARKER = re.compile(
    r"\b(?:no|nope|sorry|wrong|i mean|i meant|i said|wait|actually|scratch that|correction|rather|oops|instead"
    r"|excuse me|my mistake|make that|not quite|isn'?t right|not right|incorrect|that should be|it should be)\b",
    re.I,
)
_ORDINALS = {
    word: index for index, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split())
}
_COUNTS = {"two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4}
_NOUN = r"(?:digits?|numbers?|ones?|figures?)\b"
_PLACE = re.compile(
    rf"\b(?P<place>second to last|{'|'.join(_ORDINALS)}|last|final)"
    rf"(?: (?P<count>two|three|four|[234])\b(?: {_NOUN})?| {_NOUN}|(?= (?:is|are|was|should|has)\b))"
)
_IS = re.compile(r"^\W*(?:(?:is|are|was|were|should be|has to be)\b\W*)?(?:an?\b\W*)?")
_SWAPS = (
    re.compile(r"\bnot (?:an? )?(?P<old>[^,;.]+?)[,;.]? (?:but |it'?s )?(?:an? )?(?P<new>[\w-]+)[.!]?$"),
    re.compile(r"(?P<new>[\w-]+)[,;.]? (?:and )?not (?:an? )?(?P<old>[\w -]+)[.!]?$"),
    re.compile(r"\b(?:change|replace|swap) (?:the |that )?(?P<old>[\w -]+?) (?:to|with|for|into) (?:an? "
    r")?(?P<new>[\w -]+)[.!]?$"),
)  # fmt: skip
# Digits that a telephone line makes sound alike: the likelier place for "no, I said five" is where 9 was heard.
_ALIKE = frozenset({frozenset("59"), frozenset("19"), frozenset("45"), frozenset("67"), frozenset("23")})


def said_digits(text: str, length: int | None) -> str:
    """Return the digits of an utterance after the corrections inside it; "" for none."""
    values = [value for value in (best_run(part, length) for part in MARKER.split(text)) if value]
    if len(values) < 2:
        return best_run(text, length)
    kept = values[0]
    for value in values[1:]:
        kept = _amended(kept, value, length)
    return kept


def _amended(kept: str, value: str, length: int | None) -> str:
    if len(value) == length:
        return value
    restarts = len(value) > 1 and value[0] == kept[0]
    overlap = len(kept) + len(value) - (length or len(kept))
    if length is not None and 1 <= overlap < len(kept) and not restarts:
        return kept[:-overlap] + value  # "four five two two, no, three one nine" of six: 452 319
    return value if restarts or len(value) >= len(kept) else kept[: -len(value)] + value


def corrected(known: str, text: str, length: int | None) -> str | None:
    """Apply a correction to digits already given; None when the text corrects nothing."""
    lowered = text.lower().strip()
    placed = _placed(known, lowered)
    if placed is not None:
        return placed
    said = best_run(MARKER.split(lowered)[-1], length) or said_digits(lowered, length)
    if length is not None and len(said) == length:
        return said if said != known else None
    swapped = _swapped(known, lowered)
    if swapped is not None:
        return swapped
    if not MARKER.search(lowered) or not said:
        return None
    return said if len(said) > len(known) else _aligned(known, said)


def finished(partial: str, text: str, length: int) -> str | None:
    """Complete digits by an utterance that could be taken for a correction of them; None when it is one.

    That is "the last one is zero" after "what is the other digit?", and "219, no, 210", which puts itself right.
    """
    lowered = text.lower().strip()
    missing = length - len(partial)
    first, *others = MARKER.split(lowered)
    value = ""
    if others:
        began = best_run(first, missing)
        again = partial.startswith(began) or began.startswith(partial)
        value = "" if again else said_digits(lowered, missing)
    else:
        found = _PLACE.search(lowered)
        ends = found is not None and found["place"] in ("last", "final")
        if found is not None and ends and _COUNTS.get(found["count"] or "", 1) == missing:
            value = best_run(_IS.sub("", lowered[found.end() :]), missing)
    return partial + value if len(value) == missing else None


def _placed(known: str, text: str) -> str | None:
    found = _PLACE.search(text)
    if found is None:
        return None
    count = _COUNTS.get(found["count"] or "", 1)
    value = best_run(_IS.sub("", MARKER.split(text[found.end() :])[-1]), count)
    if len(value) != count or count > len(known):
        return None
    start = {
        "last": len(known) - count,
        "final": len(known) - count,
        "second to last": len(known) - 2,
    }.get(found["place"], _ORDINALS.get(found["place"], 0))
    if start < 0 or start + count > len(known):
        return None
    return known[:start] + value + known[start + count :]


def _swapped(known: str, text: str) -> str | None:
    for pattern in _SWAPS:
        found = pattern.search(text)
        if found is None:
            continue
        old, new = "".join(runs(found["old"])), "".join(runs(found["new"]))
        if old and new and len(old) == len(new) and old in known:
            at = known.rfind(old)
            return known[:at] + new + known[at + len(old) :]
    return None


def _aligned(known: str, said: str) -> str | None:
    """Put the said digits where they differ least from the known ones, but differ; the last such place wins."""
    best: tuple[float, str] | None = None
    for at in range(len(known) - len(said) + 1):
        cost = sum(_difference(old, new) for old, new in zip(known[at:], said, strict=False))
        if cost == 0:
            if len(said) > 1:
                return None  # repeats what is already known
            continue
        if best is None or cost <= best[0]:
            best = cost, known[:at] + said + known[at + len(said) :]
    return best[1] if best else None


def _difference(old: str, new: str) -> float:
    return 0.0 if old == new else 0.5 if frozenset({old, new}) in _ALIKE else 1.0
