"""Dates and times for the ear: "14:30", "9am-5pm", "2026-12-05", "12/05/2026", "Dec 3-5". Pure. Used by ear.py."""

import calendar
import datetime
import re

from voiceplane.planner.counting import FREE, cardinal, ordinal, year
from voiceplane.planner.dates import spoken

_CLOCK = r"(?:(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?|24:00)"
_HALF = r"[apAP](?:[mM]\b|\.[mM]\.(?=,|;|\s+[a-z]|\s+(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))|\.[mM]\b)"
_HOUR = r"(?:1[0-2]|0?[1-9])(?:[:.][0-5]\d)?"
_WORD = r"(?:noon|midnight)\b"
TIME = rf"{FREE}(?:{_CLOCK}(?!:?\d)(?:\s?{_HALF}|\s?h\b)?|{_HOUR}\s?{_HALF})"
HOURS = (
    rf"{FREE}(?:{_CLOCK}(?:\s?{_HALF})?\s?[-–]\s?(?:{_CLOCK}(?!:?\d)(?:\s?{_HALF}|\s?h\b)?|{_WORD})"
    rf"|{_HOUR}(?:\s?{_HALF})?\s?[-–]\s?{_HOUR}\s?{_HALF}|{_HOUR}\s?{_HALF}\s?[-–]\s?{_WORD})"
)
ISO = (
    r"(?<![\d/-])\d{4}(?:-\d{2}-|/\d{2}/)\d{2}"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\d/-])"
)  # fmt: skip
NUMERIC = (
    rf"{FREE}(?:\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d{{2}})|\d{{1,2}}-\d{{1,2}}-\d{{4}}|\d{{1,2}}\.\d{{1,2}}\.\d{{4}}"
    rf"|(?<!version )\d{{1,2}}\.(?:0?[1-9]|1[0-2])\.[23]\d)(?![\d/-]|\.\d)"
)  # fmt: skip
_MONTHS = {name: number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"Sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_DAYS = rf"{_DAY}(?:\s?[-–]\s?{_DAY})?"
_YEAR = r"(?:,? (?:19|20)\d\d)?"
_WEEKDAYS = "Mon Tue Tues Wed Thu Thurs Fri Sat Sun Mon, Tue, Wed, Thu, Fri, Sat, Sun,".split()
_ON = "".join(
    rf"(?<=\b{word} )|" for word in [*"on by until before after since due".split(), *_WEEKDAYS, *calendar.day_name]
)
CALENDAR = (
    rf"\b(?:{_MONTH})\.? {_DAYS}(?!\w|[.,:/-]\d){_YEAR}(?!\w|[.,:/-]\d)"
    rf"|{FREE}{_DAYS}(?: (?:{_MONTH})\b(?!\.? ?\d{{1,2}}\b)(?:\.(?= (?:[a-z]|(?:19|20)\d\d)))?{_YEAR}"
    rf"|-(?:{_MONTH})-(?:19|20)\d\d)(?!\w)"
)
DAY_ALONE = (
    rf"(?:{_ON[:-1]})\d{{1,2}}/\d{{1,2}}(?![\d/])"
    rf"|{FREE}(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?= [a-z])|{FREE}0[1-9]\.(?:0[1-9]|1[0-2])\.(?!\d)"
)
_SOON = datetime.timedelta(days=300)  # in that time a day has its name once; the year would be one word too many
_LATELY = datetime.timedelta(days=-180)


def clock(text: str) -> str:
    """Say a time: "14:30" is "two thirty PM", "09:05" "nine oh five AM", "12:00" "noon"."""
    hour, minute = (int(part) for part in re.findall(r"\d+", text + ":00")[:2])
    half = re.search(r"([ap])\.?m", text, re.I)
    if half is not None and hour <= 12:
        hour = hour % 12 + (12 if half[1].lower() == "p" else 0)
    if minute == 0 and hour in (0, 12, 24):
        return "noon" if hour == 12 else "midnight"
    minutes = "" if minute == 0 else f" oh {cardinal(minute)}" if minute < 10 else f" {cardinal(minute)}"
    return f"{cardinal(hour % 12 or 12)}{minutes} {'A' if hour < 12 else 'P'}M"


def hours(text: str) -> str:
    """Say from when to when: "9:00-17:00" is "nine AM to five PM", "2-4 pm" "two to four PM"."""
    first, last = re.split(r"\s?[-–]\s?", text)
    begin = clock(first)
    if re.search(_HALF, last) and not re.search(_HALF, first):
        begin = re.sub(r" [AP]M$", "", begin)  # the second says it for both
    return f"{begin} to {last if last in ('noon', 'midnight') else clock(last)}"


def dated(day: datetime.date, today: datetime.date | None) -> str:
    """Say a date: the weekday where it is near, the year where it is not, or nobody knows."""
    if today is not None and _LATELY < day - today < _SOON:
        return spoken(day)
    return f"{calendar.month_name[day.month]} {ordinal(day.day)}, {year(day.year)}"


def iso(text: str, today: datetime.date | None) -> str:
    """Say an ISO date, and its time."""
    try:
        day = datetime.date.fromisoformat(text[:10].replace("/", "-"))
    except ValueError:
        return text
    time = re.search(_CLOCK, text[10:])
    return dated(day, today) + (f" at {clock(time[0])}" if time else "")


def numeric(text: str, today: datetime.date | None, *, british: bool) -> str | None:
    """Say a date in numbers; with points the day is first everywhere. None for a day that is in no calendar."""
    first, second, year_ = (int(part) for part in re.split(r"[/.-]", text))
    month, day = (second, first) if british or first > 12 or "." in text else (first, second)
    try:
        return dated(datetime.date(year_ + (2000 if year_ < 100 else 0), month, day), today)
    except ValueError:
        return None


def day_alone(text: str, *, british: bool) -> str | None:
    """Say "12/5" after "on", or "5.12.": "December fifth". None for a day that is in no calendar."""
    first, second = (int(part) for part in re.findall(r"\d+", text))
    month, day = (second, first) if british or first > 12 or "." in text else (first, second)
    try:
        datetime.date(2000, month, day)
    except ValueError:
        return None
    return f"{calendar.month_name[month]} {ordinal(day)}"


def in_calendar(text: str) -> str:
    """Say "Dec 3-5" or "27 November 2026": the month, the days in their order, the year."""
    month = re.search(rf"(?:{_MONTH})(?![a-z])", text)
    assert month is not None
    days, _, after = (text[month.end() :], "", "") if month.start() == 0 else (text, "", text[month.end() :])
    year_ = re.search(r"(?:19|20)\d\d$", text)
    numbers = re.findall(r"(?<!\d)\d{1,2}(?!\d)", days if not year_ else days[: days.rfind(year_[0])])
    said = " to ".join(ordinal(int(number)) for number in numbers)
    return f"{calendar.month_name[_MONTHS[month[0]]]} {said}" + (f", {year(int(year_[0]))}" if year_ else "")
