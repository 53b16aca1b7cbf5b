"""Dates as people say them: "tomorrow", "next Friday", "December third", "in three days". Pure: today is given."""

import calendar
import datetime
import re

from voiceplane.planner.corrections import MARKER
from voiceplane.planner.counting import cardinal, ordinal

_ONE = datetime.timedelta(days=1)
_DAYS = [name.lower() for name in calendar.day_name]
_SHORT_DAYS = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4}
_WEEKDAYS = {name: index for index, name in enumerate(_DAYS)} | _SHORT_DAYS
_MONTHS = {name.lower(): index for index, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): index for index, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_ORDINALS = {ordinal(day): day for day in range(1, 32)}
_CARDINALS = {cardinal(day): day for day in range(1, 32)}


def _any(words: object) -> str:
    return "|".join(sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_NUMBER = rf"(?:\d{{1,2}}(?!\d)(?:st|nd|rd|th)?|{_any(_ORDINALS)}|{_any(_CARDINALS)})"
_MONTH = rf"(?P<month>{_any(_MONTHS)})\.?"
_YEAR = r"(?:,? (?P<year>20\d\d))?"
_MONTH_DAY = re.compile(rf"\b{_MONTH},? (?:the )?(?P<day>{_NUMBER})\b{_YEAR}")
_DAY_MONTH = re.compile(rf"\b(?P<day>{_NUMBER})(?: day)?(?: of)? {_MONTH}(?!\w){_YEAR}")
_NEXT_MONTH = re.compile(rf"\b(?P<day>{_NUMBER}) of next month\b")
_FEASTS = {  # month and day
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "boxing day": (12, 26),
    "new year's eve": (12, 31), "new years eve": (12, 31), "new year's day": (1, 1), "new year's": (1, 1),
}  # fmt: skip
_FEAST = re.compile(rf"\b(?P<feast>{_any(_FEASTS)})\b")
_DAY_ALONE = re.compile(
    rf"\b(?:the (?P<the>\d{{1,2}}(?:st|nd|rd|th)?|{_any(_ORDINALS)})|(?P<bare>\d{{1,2}}(?:st|nd|rd|th)))\b"
    r"(?! (?:(?:day|date|one|slot|time|thing)\b|available|possible|free|open|convenient|you\b))"
)
_ONLY_ORDINAL = re.compile(rf"^\W*(?:on |for )?(?P<day>{_any(_ORDINALS)})(?: please)?\W*$")
_ISO = re.compile(r"\b(20\d\d)-(\d{1,2})-(\d{1,2})\b")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})[/.-](\d{1,2})(?:[/.-](20\d\d|\d\d))?(?!\d)")
DAY = (  # however it is named
    rf"(?:{_any(_FEASTS)}|(?:{_any(_MONTHS)})\.? (?:the )?{_NUMBER}|(?:the )?{_NUMBER}(?: of)? (?:{_any(_MONTHS)})"
    rf"|(?:next |this |coming |this coming )?(?:{_any(_WEEKDAYS)})(?:'?s)?|today|tomorrow|the {_NUMBER})\b"
)
_COUNT = rf"(?P<count>an?|one|a couple of|couple of|a few|\d{{1,3}}|{_any(_CARDINALS)})"
_AHEAD = re.compile(rf"\bin {_COUNT} (?P<unit>day|week|fortnight)s?\b")
_FROM = re.compile(
    rf"\b{_COUNT} (?P<unit>day|week|fortnight)s? "
    rf"(?:(?P<which>from|after|on|before) (?P<start>now|{DAY})|(?P<from>today|tomorrow)\b)"  # "a week tomorrow"
)
_BESIDE = re.compile(rf"\b(?<!any )(?:the )?day (?P<which>before|after) (?P<start>{DAY})")
_WEEKDAY = re.compile(
    rf"\b(?P<which>next |this |coming |this coming )?(?P<name>{_any(_WEEKDAYS)})(?:'?s)?\b"
    r"(?P<later> week\b| fortnight\b| after next\b)?"
)
_OF_WEEK = re.compile(
    rf"\b(?P<name>{_any(_WEEKDAYS)}),? (?:(?:of|in) )?next week\b|\bnext week,? (?:on )?(?P<behind>{_any(_WEEKDAYS)})\b"
)
_LAST_DAY = re.compile(r"\blast day of (?:the|this|(?P<next>next)) month\b")
_BOUND = re.compile(
    rf"(?:(?<!day )|(?<=any day ))(?<!days )(?<!weeks )(?<!week )\b(?:before|after|(?:earlier|later|sooner) than) {DAY}"
)
_NEAR = re.compile(
    r"\b(?P<near>day after tomorrow|tomorrow|today|tonight|this (?:morning|afternoon|evening))\b"
    r"(?! (?:week|fortnight)\b)"
)
_TENS = re.compile(rf"\b(twenty|thirty)[ -]({_any(list(_CARDINALS)[:9])}|{_any(list(_ORDINALS)[:9])})\b")
_NEGATED = re.compile(
    rf"\b(?:not|isn'?t|can'?t do|except|but not|(?:any ?day|anything|every ?day) but) "
    rf"(?:on |the |next |this )*(?:{_any(_WEEKDAYS)}|{_NUMBER}|today"
    rf"|tomorrow)\b"
)


_NAMING = (
    _ISO, _FROM, _BESIDE, _FEAST, _MONTH_DAY, _DAY_MONTH, _NEXT_MONTH, _NUMERIC, _AHEAD,
    _OF_WEEK, _WEEKDAY, _NEAR, _DAY_ALONE
)  # fmt: skip
_OVER = re.compile(rf"\blast (?:{_any(_WEEKDAYS)})\b(?! (?:of|in)\b)")
_WEEKDAY_AND_DAY = re.compile(rf"\b(?P<name>{_any(_WEEKDAYS)}),? the (?P<day>{_NUMBER})\b")
# "from Friday to Monday" leaves Friday; "a week from Friday" does not.
_LEFT = re.compile(r"(?<!\bdays )(?<!\bday )(?<!\bweeks )(?<!\bweek )\bfrom [^,;]{1,40}? to (?=\S)")


def find_date(text: str, today: datetime.date, *, day_first: bool = False) -> datetime.date | None:
    """Return the date a text means, today or later; of several corrected ones the last. None when it names none."""
    lowered = _lowered(text)
    kept = _BOUND.sub(" ", _NEGATED.sub(" ", _OVER.sub(" ", _LEFT.sub(" ", lowered))))
    for part in reversed(MARKER.split(kept)):
        try:
            date = _find(part.strip(), today, day_first=day_first)
        except OverflowError:  # a calendar that ends: no caller means the year 10000
            date = None
        if date is not None and date >= today:  # a day that is over is asked for again
            return date
    return None


def without_days(text: str) -> str:
    """Return a text without the days that it names."""
    lowered = _lowered(text)
    bare = lowered
    for pattern in _NAMING:
        bare = re.sub(rf"(?:\b(?:on|for|by|until)\s+)?(?:{pattern.pattern})", " ", bare)
    return text if bare == lowered else " ".join(bare.split())


def _lowered(text: str) -> str:
    """Return a text as the patterns have it: "Twenty third" is "twenty-third"."""
    return _TENS.sub(r"\1-\2", text.lower().replace("’", "'"))


def _find(text: str, today: datetime.date, *, day_first: bool) -> datetime.date | None:
    iso = _ISO.search(text)
    if iso:
        return _made(int(iso[1]), int(iso[2]), int(iso[3]))
    if _FROM.search(text) or _BESIDE.search(text):
        return _relative(text, today, day_first=day_first)
    found = _FEAST.search(text)
    if found:
        return _upcoming(today, *_FEASTS[found["feast"]])
    for pattern in (_MONTH_DAY, _DAY_MONTH):
        found = pattern.search(text)
        if found:
            return _upcoming(today, _MONTHS[found["month"]], _number(found["day"]), year=found["year"])
    found = _NEXT_MONTH.search(text)
    if found:
        following = today.replace(day=1) + datetime.timedelta(days=32)
        return _made(following.year, following.month, _number(found["day"]))
    numeric = _NUMERIC.search(text)
    if numeric:
        first, second = int(numeric[1]), int(numeric[2])
        month, day = (second, first) if day_first or first > 12 else (first, second)
        return _upcoming(today, month, day, year=numeric[3])
    found = _WEEKDAY_AND_DAY.search(text)
    if found:
        date = _next_day_of_month(today, _number(found["day"]))
        return date if date is not None and date.weekday() == _WEEKDAYS[found["name"]] else None  # else which is meant?
    return _relative(text, today, day_first=day_first) or _day_alone(text, today)


def _relative(text: str, today: datetime.date, *, day_first: bool = False) -> datetime.date | None:
    found = _FROM.search(text) or _BESIDE.search(text)
    if found:
        named = found["start"] or found["from"]
        start = today if named == "now" else _find(named, today, day_first=day_first) or today
        apart = _ahead(found) if "unit" in found.groupdict() else _ONE
        return start - apart if found["which"] == "before" else start + apart
    found = _AHEAD.search(text)
    if found:
        return today + _ahead(found)
    found = _LAST_DAY.search(text)
    if found:
        month = today.replace(day=1) + 31 * _ONE if found["next"] else today
        return month.replace(day=calendar.monthrange(month.year, month.month)[1])
    return _of_week(text, today)


def _of_week(text: str, today: datetime.date) -> datetime.date | None:
    found = _OF_WEEK.search(text)
    if found:
        return today + (7 - today.weekday() + _WEEKDAYS[found["name"] or found["behind"]]) * _ONE
    near = _NEAR.search(text)
    if near:
        return today + _ONE * (2 if near["near"].startswith("day") else near["near"] == "tomorrow")
    found = _WEEKDAY.search(text)
    if not found:
        return None
    weekday = _WEEKDAYS[found["name"]]
    days = (weekday - today.weekday()) % 7 or 7
    later = (found["later"] or "").strip()
    if (found["which"] == "next " or later == "after next") and weekday > today.weekday():
        days += 7  # "next Friday" on a Monday is not this Friday
    return today + (days + {"": 0, "fortnight": 14}.get(later, 7)) * _ONE  # "Friday week" never is this Friday


def _ahead(found: re.Match[str]) -> datetime.timedelta:
    words = {"a": 1, "an": 1, "a couple of": 2, "couple of": 2, "a few": 3}
    count = words.get(found["count"]) or _number(found["count"])
    return count * {"day": 1, "week": 7, "fortnight": 14}[found["unit"]] * _ONE


def _day_alone(text: str, today: datetime.date) -> datetime.date | None:
    found = _DAY_ALONE.search(text)
    day = (found["the"] or found["bare"]) if found else None
    only = _ONLY_ORDINAL.match(text)
    if only:
        day = only["day"]
    return _next_day_of_month(today, _number(day)) if day else None


def _number(words: str) -> int:
    numeral = re.match(r"\d+", words)
    return int(numeral[0]) if numeral else _ORDINALS.get(words) or _CARDINALS[words]


def _made(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _upcoming(today: datetime.date, month: int, day: int, *, year: str | None = None) -> datetime.date | None:
    if year is not None:
        return _made(int(year) + (2000 if len(year) == 2 else 0), month, day)
    dates = (_made(today.year + ahead, month, day) for ahead in range(5))  # 29 February is at most four years away
    return next((date for date in dates if date is not None and date >= today), None)


def _next_day_of_month(today: datetime.date, day: int) -> datetime.date | None:
    for ahead in range(13):
        years, month = divmod(today.month - 1 + ahead, 12)
        date = _made(today.year + years, month + 1, day)
        if date is not None and date >= today:
            return date
    return None


def spoken(date: datetime.date) -> str:
    """Write a date for the ear: "Friday, December fourth"."""
    return f"{calendar.day_name[date.weekday()]}, {calendar.month_name[date.month]} {ordinal(date.day)}"
