"""Text for the ear: what is written short is written as it is said. Pure. Used for tool results and a model's words.

One pass over the text: at each place the first kind that fits takes it, so that nothing is read twice. English only:
the contract knows no other language (VoiceAgent.spec.language is en-US or en-GB), and what no kind fits stays as it is.
Digits of a reference stay digits with spaces between them ("4 5 6 7 2 1"): voices read those one by one.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.planner import moments, money, places, quantities, references, shorthand
from voiceplane.planner.counting import FREE, NUMBER, ordinal, year
from voiceplane.planner.references import spelled as spelled


@dataclass(frozen=True, slots=True)
class Ear:
    """Who listens: days first and numbers with "and" for a British one, and the caller's date, where it is known."""

    british: bool
    today: datetime.date | None


Said = Callable[[str, bool], str]  # the text that fits, and whether the language is British


@dataclass(frozen=True, slots=True)
class Kind:
    """A written form and how it is said."""

    pattern: str
    said: Callable[[str, Ear], str]


def written(text: str, *, british: bool = False, today: datetime.date | None = None) -> str:
    """Write a text for the ear; what is already plain words stays as it is.

    A date within some months of `today` is said with its weekday, any other with its year.
    """
    listener = Ear(british, today)

    def said(found: re.Match[str]) -> str:
        assert found.lastgroup is not None
        return KINDS[found.lastgroup].said(found[0], listener)

    return _ALL.sub(said, text)


def _kind(pattern: str, said: Said) -> Kind:
    return Kind(pattern, lambda text, listener: said(text, listener.british))


def _word(pattern: str, said: Callable[[str], str]) -> Kind:
    return Kind(pattern, lambda text, listener: said(text))


def _email(text: str, british: bool) -> str:
    name, _, host = text.partition("@")
    return f"{_dotted(name)} at {_dotted(host)}"


def _dotted(text: str) -> str:
    names = {".": " dot ", "-": " dash ", "_": " underscore ", "+": " plus ", "/": " slash "}
    words = re.sub(r"[._+/-]", lambda found: names[found[0]], text)
    return " ".join(re.sub(r"\d{2,}", lambda found: f" {' '.join(found[0])} ", words).split())


def _address(text: str, british: bool) -> str:
    bare = re.sub(r"^https?://", "", text).partition("?")[0].partition("#")[0].rstrip("/")
    return _dotted(re.sub(r"[^\w./+-]", " ", bare))


def _numeric(text: str, listener: Ear) -> str:
    return moments.numeric(text, listener.today, british=listener.british) or references.phone(text, listener.british)


def _day_alone(text: str, listener: Ear) -> str:
    said = moments.day_alone(text, british=listener.british)
    return quantities.slashed(text, listener.british) if said is None else said


def _place(text: str, british: bool) -> str:
    return ordinal(int(re.match(r"\d+", text)[0]))  # type: ignore[index]


def _year(text: str, british: bool) -> str:
    before = text[:-5].rstrip(".")
    return f"{shorthand.MONTHS.get(before, before)} {year(int(text[-4:]))}"


def _as_it_is(text: str, british: bool) -> str:
    return text


_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"  # noqa: E501
KINDS = {
    "email": _kind(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _email),
    "url": _kind(
        r"(?:https?://|www\.)[^\s<>\"]*[\w/]|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|gov|edu|co\.uk|de|fr|uk|eu|ca|au|ch|nl|es|app|info|shop)\b(?:/[\w/-]*)?",
        _address,
    ),
    "iso": Kind(moments.ISO, lambda text, listener: moments.iso(text, listener.today)),
    "masked": _kind(references.MASKED, references.masked),
    "lasting": _kind(quantities.LASTING, quantities.lasting),
    "numeric": Kind(moments.NUMERIC, _numeric),
    "money": _kind(money.PATTERN, money.spoken),
    "hours": _kind(moments.HOURS, lambda text, british: moments.hours(text)),
    "time": _kind(moments.TIME, lambda text, british: moments.clock(text)),
    "iban": _kind(references.IBAN, references.in_fours),
    "phone": _kind(references.PHONE, references.phone),
    "percent": _kind(quantities.PERCENT, quantities.percent),
    "calendar": _kind(moments.CALENDAR, lambda text, british: moments.in_calendar(text)),
    "day_alone": Kind(moments.DAY_ALONE, _day_alone),
    "decade": _kind(quantities.DECADE, quantities.decade),
    "ratio": _kind(quantities.RATIO, quantities.ratio),
    "place": _kind(rf"{FREE}\d{{1,3}}(?:st|nd|rd|th)\b", _place),
    "street": _kind(places.STREET, places.street),
    "road": _kind(places.ROAD, places.road),
    "saint": _kind(places.SAINT, lambda text, british: "Saint "),
    "state": _kind(places.STATE, places.state),
    "highway": _kind(places.HIGHWAY, places.highway),
    "spot": _kind(places.SPOT, places.spot),
    "size": _kind(quantities.SIZE, quantities.size),
    "measure": _kind(quantities.MEASURE, quantities.measure),
    "code": _kind(references.CODE, references.code),
    "flight": _kind(references.FLIGHT, references.flight),
    "plate": _kind(references.PLATE, references.postcode),
    "named": _kind(references.NAMED, references.named),
    "grouped": _kind(quantities.GROUPED, quantities.grouped),
    "many": _kind(quantities.MANY, quantities.grouped),
    "postcode": _kind(references.POSTCODE, references.postcode),
    "reference": _kind(references.REFERENCE, references.reference),
    "between": _word(shorthand.BETWEEN, shorthand.between),
    "year": _kind(
        rf"\b(?:in|since|until|by|of|{_MONTH}\.?|{_MONTH} \d{{1,2}},|Q[1-4]) (?:1[89]|20)\d\d(?![\w,.-]\d|\w)", _year
    ),
    "slashed": _kind(quantities.SLASHED, quantities.slashed),
    "range": _kind(quantities.RANGE, quantities.a_range),
    "version": _kind(quantities.VERSION, quantities.version),
    "spaced": _kind(rf"{FREE}\d(?:,? \d\b)+(?!\w)", _as_it_is),
    "compound": _kind(quantities.COMPOUND, quantities.whole),
    "times": _kind(quantities.TIMES, quantities.times),
    "or_more": _word(quantities.OR_MORE, lambda text: " plus"),
    "signed": _kind(quantities.SIGNED, quantities.signed),
    "number": _kind(rf"{FREE}-?(?:{NUMBER})(?![\w-])", quantities.whole),
    "numbered": _kind(references.NUMBERED, references.numbered),
    "last": _word(shorthand.LAST, lambda text: f"{shorthand.short(text)}."),
    "short": _word(shorthand.SHORT, shorthand.short),
    "v": _word(shorthand.VERSION, shorthand.numbered_version),
    "and": _word(shorthand.AND, lambda text: "and"),
    "dash": _word(shorthand.DASH, lambda text: ", "),
    "slash": _word(shorthand.SLASH, lambda text: " or "),
}
_ALL = re.compile("|".join(f"(?P<{name}>{kind.pattern})" for name, kind in KINDS.items()))
