"""A day that a caller leaves open: "as soon as possible", "next week some time", "any day but Friday". Pure.

`earliest` gives the first day that suits him, which is then said and confirmed; words such as "in the afternoon" say
something about a day and leave it open altogether (`leaves_open`), and the caller is asked to name one.
"""

import datetime
import re

from voiceplane.planner import dates
from voiceplane.planner.dates import DAY

DAYS = 60  # that are looked at
LAST = datetime.date.max - datetime.timedelta(days=500)  # a calendar ends; a bound may be a year away
_ANY = re.compile(
    r"\b(?:any ?(?:old |other )?(?:day|time|date|weekday|of (?:them|those|these))|whenever|whichever|asap|a\.s\.a\.p"
    r"|(?:as |the )?(?:soon(?:est)?|quick(?:est|ly)?|fast(?:est)?|earl(?:y|iest)) (?:as )?(?:possible|(?:as )?you can)"
    r"|(?:the |your |at the )?(?:soonest|earliest)|immediately|(?:right|straight) away"
    r"|(?:the |your )?(?:first|next) (?:(?:day|date|one|slot) )?(?:that'?s |that is |which is )?"
    r"(?:available|possible|free|open|you (?:have|can|got|'?ve got))"
    r"|(?:the |your )?(?:first|next) (?:available|possible|free|open)"
    r"|(?:don'?t|do not) (?:really )?(?:care|mind)|(?:doesn'?t|does not) (?:really )?matter|makes no difference"
    r"|no preference|up to you|you (?:choose|decide|pick)|all the same|i'?m (?:easy|flexible)|either(?: one| day)?"
    r"|any ?thing|all days|every ?day|(?:a |on )?week ?days?(?: only)?|during the week)\b",
    re.I,
)
_BUT = r"(?:not|but|except(?: for)?|other than|apart from|besides)(?: not)? (?:(?:on|for|a|any|the|this|next) )*"
_EXCEPT = re.compile(rf"\b{_BUT}(?P<day>{DAY})")
_NO_WEEKEND = re.compile(rf"\b{_BUT}(?:week ?ends?)\b|\bweek ?days?\b|\bduring the week\b")
_WEEK = re.compile(
    r"\b(?:(?P<not>not )?(?P<which>this|next|the (?:following|coming)|following|coming) "
    r"(?P<unit>week(?! ?end)|week ?end)"
    r"|(?P<after>(?:the )?week after next)|(?:the|at the|over the|on the|a) (?P<end>week ?end))\b"
)
_PART = re.compile(r"\b(?:(?P<middle>mid|middle)|(?:end|late|later))\b[ -](?:of |in )?(?:the )?(?:next|this)")
_BOUND = re.compile(
    rf"\b(?P<not>not )?(?P<which>before|after|(?:earlier|later|sooner) than) (?:the |this |next |on )*(?P<day>{DAY})"
)
_OPEN = re.compile(
    r"\b(?:mornings?|afternoons?|evenings?|nights?|noon|midday|lunch(?:time)?|later|earlier|sooner|soon|month"
    r"|some ?(?:day|time)|(?:same|other) day|(?:what|which) (?:days?|dates?|times?)|options?|choices|available"
    r"|when (?:can|could|do|would) you"
    r"|possible|depends|holidays?|week|week ?ends?|week ?days?"
    r"|(?:not|can'?t(?: do| make)?|cannot(?: do| make)?) (?:on |the )*(?:\w+day|tomorrow)|o'?clock|am|pm)\b",
    re.I,
)


def earliest(text: str, today: datetime.date) -> datetime.date | None:
    """Return the first day from tomorrow on that fits what a caller leaves open; None where he says no such thing."""
    lowered = text.lower().replace("’", "'")
    if today > LAST:
        return None
    begin, end = today + datetime.timedelta(days=1), today + datetime.timedelta(days=DAYS)
    stretch = _stretch(_NO_WEEKEND.sub(" ", lowered), today)
    bound = _bound(lowered, today)
    if stretch is None and bound is None and _ANY.search(lowered) is None:
        return None
    if stretch is not None:
        begin, end = max(begin, stretch[0]), stretch[1]
    if bound is not None:
        begin, end = max(begin, bound[0]), min(end, bound[1])
    shut = {dates.find_date(found["day"], today) for found in _EXCEPT.finditer(lowered)}
    weekdays = {found["day"] for found in _EXCEPT.finditer(lowered)}
    no_weekend = _NO_WEEKEND.search(lowered) is not None
    for ahead in range((end - begin).days + 1):
        day = begin + datetime.timedelta(days=ahead)
        named = f"{day:%A}".lower()
        shut_out = day in shut or named in weekdays or f"{named}s" in weekdays
        if not shut_out and not (no_weekend and day.weekday() > 4):
            return day
    return None


def leaves_open(text: str) -> bool:
    """Say whether words are about a day and name none."""
    return _OPEN.search(text) is not None


def _stretch(text: str, today: datetime.date) -> tuple[datetime.date, datetime.date] | None:
    """Return the first and the last day of "next week" and its like."""
    found = _WEEK.search(text)
    if found is None:
        return None
    weeks = 2 if found["after"] else 1 if found["which"] not in (None, "this") else 0
    part = _PART.search(text)
    first, last = 0 if part is None else 2 if part["middle"] else 4, 6
    if found["end"] or found["unit"] not in (None, "week"):
        first = 5
    elif found["not"]:  # the week behind it
        first, last = 7, 13
    monday = today + datetime.timedelta(days=7 * weeks - today.weekday())
    return (monday + datetime.timedelta(days=first), monday + datetime.timedelta(days=last))


def _bound(text: str, today: datetime.date) -> tuple[datetime.date, datetime.date] | None:
    """Return the days of "before Friday" or "after the third"."""
    found = _BOUND.search(text)
    day = dates.find_date(found["day"], today) if found is not None else None
    if found is None or day is None:
        return None
    one = datetime.timedelta(days=1)
    later = found["which"] in ("after", "later than")
    if found["not"]:  # not before Friday: from Friday on
        return (today, day) if later else (day, day + datetime.timedelta(days=DAYS))
    return (day + one, day + datetime.timedelta(days=DAYS)) if later else (today, day - one)
