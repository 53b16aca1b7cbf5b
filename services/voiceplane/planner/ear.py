"""Text for the ear: what is written short is written as it is said. Pure. Used for tool results and a model's words.

One pass over the text: at each place the first kind that fits takes it, so that nothing is read twice. English only:
the contract knows no other language (VoiceAgent.spec.language is en-US or en-GB), and what no kind fits stays as it is.
Digits of a reference stay digits with spaces between them ("4 5 6 7 2 1"): voices read those one by one.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.planner import places
from voiceplane.planner.counting import cardinal, decimal, digits, ordinal, year
from voiceplane.planner.dates import spoken as spoken_date

_MONEY = {
    "$": ("dollar", "cent"), "USD": ("dollar", "cent"), "US$": ("dollar", "cent"), "CAD": ("Canadian dollar", "cent"),
    "€": ("euro", "cent"), "EUR": ("euro", "cent"), "£": ("pound", "penny"), "GBP": ("pound", "penny"),
    "CHF": ("franc", "centime"), "AUD": ("Australian dollar", "cent"),
}  # fmt: skip
_UNITS = {
    "kg": "kilogram", "g": "gram", "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter",
    "lb": "pound", "lbs": "pound", "oz": "ounce", "mi": "mile", "ft": "foot", "hr": "hour", "hrs": "hour",
    "min": "minute", "mins": "minute", "sec": "second", "secs": "second", "ms": "millisecond", "mph": "mile per hour",
    "°C": "degree Celsius", "°F": "degree Fahrenheit",
}  # fmt: skip
_NATO = "Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu".split()  # fmt: skip  # noqa: E501
_SHORT = {
    "&": "and", "e.g.": "for example", "i.e.": "that is", "etc.": "and so on", "vs.": "versus", "approx.": "about",
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday",
    "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday", "Jan": "January", "Feb": "February", "Apr": "April",
    "Aug": "August", "Sep": "September", "Sept": "September", "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CODES = "|".join(code for code in _MONEY if code.isalpha())
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_HALF = r"[ap](?:m\b|\.m\.(?=,|;|\s+[a-z])|\.m\b)"
_FREE = r"(?<![\w.,:/@#$€£-])"  # a number starts here


@dataclass(frozen=True, slots=True)
class Kind:
    """A written form and how it is said."""

    pattern: str
    said: Callable[[str, bool], str]  # the text that fits, and whether the language is British


def written(text: str, *, british: bool = False) -> str:
    """Write a text for the ear; what is already plain words stays as it is."""

    def said(found: re.Match[str]) -> str:
        assert found.lastgroup is not None
        return KINDS[found.lastgroup].said(found[0], british)

    return _ALL.sub(said, text)


def spelled(text: str) -> str:
    """Spell letters so that none is mistaken on a line: "B as in Bravo, K as in Kilo, 4 5 2"."""
    return ", ".join(_spelled(run) for run in re.findall(r"[0-9]+|[A-Z]", text.upper()))


def _spelled(run: str) -> str:
    if run.isdecimal():
        return digits(run) if len(run) > 1 else cardinal(int(run))
    return f"{run} as in {_NATO[ord(run) - ord('A')]}"


def clock(text: str) -> str:
    """Say a time: "14:30" is "two thirty P M", "09:05" "nine oh five A M", "12:00" "noon"."""
    hour, minute = (int(part) for part in re.findall(r"\d+", text + ":00")[:2])
    half = re.search(r"([ap])\.?m", text, re.I)
    if half is not None and hour <= 12:
        hour = hour % 12 + (12 if half[1].lower() == "p" else 0)
    if minute == 0 and hour in (0, 12):
        return "noon" if hour else "midnight"
    minutes = "" if minute == 0 else f" oh {cardinal(minute)}" if minute < 10 else f" {cardinal(minute)}"
    return f"{cardinal(hour % 12 or 12)}{minutes} {'A' if hour < 12 else 'P'} M"


def _time(text: str, british: bool) -> str:
    return clock(text)


def _email(text: str, british: bool) -> str:
    name, _, host = text.partition("@")
    return f"{_dotted(name)} at {_dotted(host)}"


def _dotted(text: str) -> str:
    names = {".": " dot ", "-": " dash ", "_": " underscore ", "+": " plus ", "/": " slash "}
    words = re.sub(r"[._+/-]", lambda found: names[found[0]], text)
    return " ".join(re.sub(r"\d{2,}", lambda found: " ".join(found[0]), words).split())


def _address(text: str, british: bool) -> str:
    bare = re.sub(r"^https?://", "", text).partition("?")[0].partition("#")[0].rstrip("/")
    return _dotted(re.sub(r"[^\w./+-]", " ", bare))


def _iso(text: str, british: bool) -> str:
    try:
        day = datetime.date.fromisoformat(text[:10])
    except ValueError:
        return text
    time = re.search(_CLOCK, text[10:])
    return spoken_date(day) + (f" at {clock(time[0])}" if time else "")


def _slashed(text: str, british: bool) -> str:
    first, second, year_ = (int(part) for part in text.split("/"))
    month, day = (second, first) if british or first > 12 else (first, second)
    try:
        return spoken_date(datetime.date(year_ + (2000 if year_ < 100 else 0), month, day))
    except ValueError:
        return text


def _money(text: str, british: bool) -> str:
    amount = re.search(_NUMBER, text)
    code = next(code for code in sorted(_MONEY, key=len, reverse=True) if code in text)
    scale = re.search(r"(?:thousand|million|billion)", text)
    assert amount is not None
    many, one = _MONEY[code]
    if scale is not None:
        return f"{decimal(amount[0], british=british)} {scale[0]} {many}s"
    whole, _, fraction = amount[0].replace(",", "").partition(".")
    if len(fraction) > 2:
        return f"{decimal(amount[0], british=british)} {many}s"
    small = int(fraction.ljust(2, "0")) if fraction else 0
    parts = [_counted(int(whole), many, british=british)] if int(whole) or not small else []
    if small:
        parts.append("one penny" if one == "penny" and small == 1 else f"{cardinal(small)} pence" if one == "penny" else _counted(small, one))  # fmt: skip  # noqa: E501
    return " and ".join(parts)


def _counted(number: int, name: str, *, british: bool = False) -> str:
    return f"{cardinal(number, british=british)} {name}{'' if number == 1 else 's'}"


def _phone(text: str, british: bool) -> str:
    plus = "plus " if text.startswith("+") else ""
    groups = re.findall(r"\d+", text)
    return plus + ", ".join(digits(group) for group in groups)


def _percent(text: str, british: bool) -> str:
    return f"{decimal(text.rstrip('% '), british=british)} percent"


def _place(text: str, british: bool) -> str:
    return ordinal(int(re.match(r"\d+", text)[0]))  # type: ignore[index]


def _measure(text: str, british: bool) -> str:
    found = re.match(rf"({_NUMBER})\s?(.+)", text)
    assert found is not None
    name = _UNITS[found[2]]
    if found[1] != "1":
        head, _, rest = name.partition(" ")
        name = ("feet" if head == "foot" else f"{head}s") + (f" {rest}" if rest else "")
    return f"{decimal(found[1], british=british)} {name}"


def _reference(text: str, british: bool) -> str:
    if text.isdecimal():
        return digits(text)
    letters = re.findall(r"[A-Z]+", text)
    return spelled(text) if max(map(len, letters)) <= 3 else text  # "COVID-19" is a word


def _range(text: str, british: bool) -> str:
    first, last = re.findall(r"\d+", text)
    return f"{cardinal(int(first), british=british)} to {cardinal(int(last), british=british)}"


def _year(text: str, british: bool) -> str:
    return text[:-4] + year(int(text[-4:]))


def _as_it_is(text: str, british: bool) -> str:
    return text


def _whole(text: str, british: bool) -> str:
    return digits(text) if len(text) > 1 and text[0] == "0" else decimal(text, british=british)


def _days(text: str, british: bool) -> str:
    first, last = re.split(r"\s?[-–]\s?", text)
    return f"{_SHORT[first]} to {_SHORT[last]}"


_DAY = "(?:Mon|Tues?|Wed|Thu(?:rs)?|Fri|Sat|Sun)"
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
KINDS = {
    "email": Kind(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _email),
    "url": Kind(
        r"(?:https?://|www\.)[^\s<>\"]*[\w/]|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|gov|edu|co\.uk)\b(?:/[\w/-]*)?",
        _address,
    ),
    "iso": Kind(
        r"(?<![\d-])\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\d-])", _iso
    ),  # fmt: skip  # noqa: E501
    "slashed": Kind(rf"{_FREE}\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d{{2}})(?![\d/])", _slashed),
    "money": Kind(
        rf"(?:US\$|[$€£]|\b(?:{_CODES}) )\s?(?:{_NUMBER})(?: (?:thousand|million|billion)\b)?|{_FREE}(?:{_NUMBER}) (?:{_CODES})\b",  # noqa: E501
        _money,
    ),
    "time": Kind(rf"{_FREE}(?:{_CLOCK}(?!:?\d)(?:\s?{_HALF})?|(?:1[0-2]|0?[1-9])\s?{_HALF})", _time),
    "phone": Kind(
        r"\+\d[\d ().-]{6,20}\d|\(\d{3}\) ?\d{3}-\d{4}|(?<![\w-])(?:1-)?\d{3}[-.]\d{3}[-.]\d{4}(?![\w-])", _phone
    ),  # fmt: skip  # noqa: E501
    "percent": Kind(rf"{_FREE}(?:{_NUMBER}) ?%", _percent),
    "place": Kind(rf"{_FREE}\d{{1,3}}(?:st|nd|rd|th)\b", _place),
    "street": Kind(places.STREET, places.street),
    "state": Kind(places.STATE, places.state),
    "measure": Kind(rf"{_FREE}(?:{_NUMBER})\s?(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})(?!\w)", _measure),
    "reference": Kind(
        r"(?<![\w.,-])(?:(?=[A-Z-]*\d[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z\d]+(?:-[A-Z\d]+)*(?<=....)|\d{5,})(?![\w-])(?!\.\d)",
        _reference,
    ),  # fmt: skip  # noqa: E501
    "days": Kind(rf"\b{_DAY}\s?[-–]\s?{_DAY}\b", _days),
    "year": Kind(
        rf"\b(?:in|since|until|by|of|{_MONTH}|(?:{_MONTH}) \d{{1,2}},) (?:1[89]|20)\d\d(?![\w,.-]\d|\w)", _year
    ),
    "range": Kind(rf"{_FREE}\d{{1,4}}\s?[-–]\s?\d{{1,4}}(?![\w-])", _range),
    "spaced": Kind(rf"{_FREE}\d(?:,? \d\b)+(?!\w)", _as_it_is),
    "number": Kind(rf"{_FREE}-?(?:{_NUMBER})(?![\w-])", _whole),
    "numbered": Kind(r"(?<!\w)#\s?\d{1,4}\b", lambda text, british: f"number {_whole(text.strip('# '), british)}"),
    "short": Kind(
        r"(?<![\w.])(?:e\.g\.|i\.e\.|(?:etc|vs|approx)\.|(?:Mon|Tues?|Wed|Thu(?:rs)?|Fri|Jan|Feb|Apr|Aug|Sept?|Oct|Nov|Dec)\b\.?(?!\w)|&(?!\w))",  # noqa: E501
        lambda text, british: _SHORT.get(text) or _SHORT[text.rstrip(".")],
    ),
}
_ALL = re.compile("|".join(f"(?P<{name}>{kind.pattern})" for name, kind in KINDS.items()))
