"""Dates as people say them: "tomorrow", "next Friday", "December third", "in three days". Pure: today is given."""

import calendar
import datetime
import re

_DAYS = [name.lower() for name in calendar.day_name]
_MONTHS = [name.lower() for name in calendar.month_name]
_ORDINALS = {
    word: number
    for number, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third "
        "twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth "
        "thirty-first".split(),
        start=1,
    )
}
_NUMBERS = {word: n for n, word in enumerate("one two three four five six seven eight nine ten".split(), start=1)}
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?|(?P<ordinal>" + "|".join(sorted(_ORDINALS, key=len, reverse=True)) + ")"
_MONTH = r"(?P<month>" + "|".join(_MONTHS[1:]) + ")"
_MONTH_DAY = re.compile(rf"\b{_MONTH}\.? (?:the )?(?:{_DAY})\b")
_DAY_MONTH = re.compile(rf"\b(?:the )?(?:{_DAY})(?: of)? {_MONTH}\b")
_THE_DAY = re.compile(rf"\bthe (?:{_DAY})\b")
_NUMERIC = re.compile(r"\b(\d{1,2})[/.](\d{1,2})(?:[/.](\d{2,4}))?\b")
_IN_DAYS = re.compile(r"\bin (\w+) (day|week)s?\b")


def find_date(text: str, today: datetime.date) -> datetime.date | None:
    """Return the first date a text names, today or later; None when it names none."""
    lowered = re.sub(
        r"(twenty|thirty) (first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)", r"\1-\2", text.lower()
    )
    relative = _relative(lowered, today)
    if relative is not None:
        return relative
    for pattern in (_MONTH_DAY, _DAY_MONTH):
        found = pattern.search(lowered)
        if found:
            return _upcoming(today, _MONTHS.index(found["month"]), _day_of(found))
    numeric = _NUMERIC.search(lowered)
    if numeric:
        return _upcoming(today, int(numeric[1]), int(numeric[2]))  # month first: en-US
    found = _THE_DAY.search(lowered)
    return _next_day_of_month(today, _day_of(found)) if found else None


def _relative(text: str, today: datetime.date) -> datetime.date | None:
    if "day after tomorrow" in text:
        return today + datetime.timedelta(days=2)
    if "tomorrow" in text:
        return today + datetime.timedelta(days=1)
    if re.search(r"\b(today|tonight)\b", text):
        return today
    ahead = _IN_DAYS.search(text)
    if ahead:
        count = _NUMBERS.get(ahead[1]) or (
            int(ahead[1]) if ahead[1].isdecimal() else 1 if ahead[1] in ("a", "an") else 0
        )
        if count:
            return today + datetime.timedelta(days=count * (7 if ahead[2] == "week" else 1))
    for weekday, name in enumerate(_DAYS):
        if re.search(rf"\b{name}s?\b", text):
            days = (weekday - today.weekday()) % 7 or 7
            if f"next {name}" in text and days < 7 and weekday > today.weekday():
                days += 7  # "next Friday" on a Monday is not this Friday
            return today + datetime.timedelta(days=days)
    return None


def _day_of(found: re.Match[str]) -> int:
    return int(found["day"]) if found["day"] else _ORDINALS[found["ordinal"]]


def _upcoming(today: datetime.date, month: int, day: int) -> datetime.date | None:
    for year in (today.year, today.year + 1):
        try:
            date = datetime.date(year, month, day)
        except ValueError:
            return None
        if date >= today:
            return date
    return None


def _next_day_of_month(today: datetime.date, day: int) -> datetime.date | None:
    for ahead in range(13):
        month = (today.month - 1 + ahead) % 12 + 1
        year = today.year + (today.month - 1 + ahead) // 12
        try:
            date = datetime.date(year, month, day)
        except ValueError:
            continue
        if date >= today:
            return date
    return None


def spoken(date: datetime.date) -> str:
    """Write a date for the ear: "Friday, December 4th"."""
    suffix = "th" if 10 <= date.day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(date.day % 10, "th")
    return f"{calendar.day_name[date.weekday()]}, {calendar.month_name[date.month]} {date.day}{suffix}"
