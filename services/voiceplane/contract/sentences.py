"""Sentences of a text: what is spoken, cached and shielded one at a time. Pure."""

import re

_ABBREVIATED = "Mr Mrs Ms Dr St No Ave Rd Blvd Inc Ltd Co vs etc approx dept est ext Apt Ste Nos Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun".split()  # fmt: skip  # noqa: E501
_BREAK = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=\S)")
_NO_END = re.compile(rf"(?:\b(?:{'|'.join(_ABBREVIATED)})|\b[A-Za-z]|\b[ap]\.m)\.$", re.I)
_UNIT = re.compile(r"\d ?(?:lbs?|oz|ft|kg|hrs?|mins?|secs?)\.$", re.I)  # ends a sentence before a capital only
_CLAUSE = re.compile(r"(?<=[,;:])\s+(?=\S)")
LONG = 160  # characters: about ten seconds of speech; a longer sentence is cut at a comma so that it can begin


def phrases(text: str) -> list[str]:
    """Cut a text into sentences, and long ones at a comma: each is spoken as soon as it is synthesized."""
    found: list[str] = []
    start = 0
    stripped = " ".join(text.split())
    for gap in _BREAK.finditer(stripped):
        before = stripped[start : gap.start()]
        capital = stripped[gap.end()].isupper()
        if not capital and _UNIT.search(before):
            continue  # "1 lb. 3 oz."
        if _NO_END.search(before) and not (capital and before.lower().endswith(("a.m.", "p.m."))):
            continue  # "Mr. Smith", "No. 5", "John F. Kennedy"
        found += _clauses(stripped[start : gap.end()].strip())
        start = gap.end()
    return found + _clauses(stripped[start:])


def _clauses(sentence: str) -> list[str]:
    if len(sentence) <= LONG:
        return [sentence] if sentence else []
    for gap in _CLAUSE.finditer(sentence):
        if LONG // 4 <= gap.start() <= LONG:
            cut = gap
            return [sentence[: cut.start()], *_clauses(sentence[cut.end() :])]
    return [sentence]
