"""Short forms and signs between words for the ear: "Dr.", "Inc.", "w/o", "Tue", "yes/no", " - ". Pure. For ear.py.

Only what a voice would read wrong: it knows "DHL" and "SMS", but takes "UPS" for "ups" and ends a sentence at "Dr.".
"""

import re

from voiceplane.planner.quantities import version

_ALWAYS = {
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor",
    "Mt.": "Mount", "Ft.": "Fort",
    "e.g.": "for example", "i.e.": "that is", "etc.": "and so on", "vs.": "versus", "approx.": "about",
    "dept.": "department", "Dept.": "Department", "max.": "at most", "Max.": "At most", "min.": "at least",
    "Min.": "At least", "incl.": "including", "excl.": "excluding", "est.": "estimated", "tel.": "telephone",
    "Tel.": "Telephone", "qty.": "quantity", "Qty.": "Quantity",
}  # fmt: skip
_LAST = {"Jr.": "Junior", "Sr.": "Senior", "Inc.": "Incorporated", "Ltd.": "Limited", "Co.": "Company"}
_WORDS = {
    "w/o": "without", "N/A": "not available", "n/a": "not available",
    "ETA": "E T A", "FAQ": "F A Q", "UPS": "U P S", "USPS": "U S P S", "VAT": "V A T", "and/or": "and or",
}  # fmt: skip
_WEEKDAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Thurs": "Thursday",
    "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip
MONTHS = {
    "Jan": "January", "Feb": "February", "Mar": "March",
    "Apr": "April", "Jun": "June", "Jul": "July", "Aug": "August", "Sep": "September", "Sept": "September",
    "Oct": "October", "Nov": "November", "Dec": "December",
}  # fmt: skip
_CALENDAR = _WEEKDAYS | MONTHS
_NAME = "|".join(sorted(_CALENDAR, key=len, reverse=True))
_PLAIN = "Mon|Tues?|Wed|Thu(?:rs)?|Fri|Jan|Feb|Apr|Aug|Sept?|Oct|Nov|Dec"  # "Sat", "Sun" and "Mar" are words too


def _any(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


SHORT = (
    rf"(?<![\w.])(?:(?:{_any(_ALWAYS)}|{_any(_LAST)})(?=[\s,;)]|$)|(?:{_any(_WORDS)})(?!\w)|w/ ?(?=[a-z])"
    rf"|(?:{_PLAIN})\b\.?(?!\w)|(?:Sat|Sun)\b\.?(?=,? (?:\d|(?:{_NAME})\b)))"
)
LAST = rf"(?<![\w.])(?:{_any(_LAST)})(?=\s*$)|(?<![\w.])(?:Inc|Ltd|Co)\.(?=\s+[A-Z])"  # ends its sentence too
BETWEEN = rf"\b(?:{_NAME})(?:\s?[-–]\s?|/)(?:{_NAME})\b"  # "Mon-Fri", "Jan-Mar"
AND = r"(?<![^\W\d_])&|&(?!\w)"  # not in "AT&T"
VERSION = r"\b[vV]\.? ?\d+(?:\.\d+)+(?![\w-])"
DASH = r"(?<=[^\d\s]) +[-–—]+ +(?=\S)|(?<=\d) +[-–—]+ +(?=[^\d\s$€£])"
SLASH = r"(?<=[a-z]{2})/(?=[a-z]{2})"


def short(text: str) -> str:
    """Say a short form in full."""
    for words in (_ALWAYS, _LAST, _WORDS):
        if text in words:
            return words[text]
    return "with " if text.startswith("w/") else _CALENDAR[text.rstrip(".")]


def between(text: str) -> str:
    """Say "Mon-Fri" as "Monday to Friday", "Tue/Thu" as "Tuesday and Thursday"."""
    return (" and " if "/" in text else " to ").join(_CALENDAR[name] for name in re.split(r"\s?[-–]\s?|/", text))


def numbered_version(text: str) -> str:
    """Say "v2.1" as "version two point one"."""
    return f"version {version(text.lstrip('vV. '), british=False)}"
