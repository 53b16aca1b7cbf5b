"""Amounts for the ear that are no money: units, percent, fractions, ranges, versions. Pure. Used by ear.py."""

import re

from voiceplane.planner.counting import FREE, NUMBER, cardinal, decimal, digits, year

_UNITS = {
    "kg": "kilogram", "g": "gram", "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter",
    "lb": "pound", "lbs": "pound", "oz": "ounce", "mi": "mile", "ft": "foot", "hr": "hour", "hrs": "hour",
    "min": "minute", "mins": "minute", "sec": "second", "secs": "second", "ms": "millisecond", "mph": "mile per hour",
    "km/h": "kilometer per hour", "°C": "degree Celsius", "°F": "degree Fahrenheit", "°": "degree",
    "kWh": "kilowatt hour",
    "d": "day", "h": "hour", "wk": "week", "wks": "week", "yr": "year", "yrs": "year",
    "ml": "milliliter", "mL": "milliliter",
    "l": "liter", "L": "liter", "mg": "milligram", "gal": "gallon", "yd": "yard", "yds": "yard", "W": "watt",
    "kW": "kilowatt", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "pc": "piece",
    "pcs": "piece", "m²": "square meter", "m2": "square meter", "km²": "square kilometer", "sq ft": "square foot",
    "ft²": "square foot", "m³": "cubic meter", "m3": "cubic meter",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "Mbps": "megabit per second", "Gbps": "gigabit per second",
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_FRACTIONS = {"1/2": "half", "1/4": "quarter", "3/4": "quarters", "1/3": "third", "2/3": "thirds"}
_AMOUNT = rf"(?:\d+,\d{{1,2}}(?!\d)|{NUMBER}|(?<!\d)\.\d+)"  # with a decimal comma too, where a unit shows it
PERCENT = rf"{FREE}-?{_AMOUNT}(?:\s?[-–]\s?{_AMOUNT})? ?%"
MEASURE = rf"{FREE}-?{_AMOUNT}(?:\s?[-–]\s?{_AMOUNT})?\s?(?:{_UNIT})(?!\w)(?:\.(?=\s+(?:\d|[a-z])))?"
LASTING = (
    rf"{FREE}\d{{1,3}} ?h(?:rs?)? ?[0-5]?\d(?: ?m(?:ins?)?)?(?: ?[0-5]?\d ?s)?(?!\w)"
    rf"|{FREE}\d{{1,3}} ?m(?:in)? ?[0-5]?\d ?s\b"
    r"|\bP(?=T?\d)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?\b"
)
SIGNED = r"(?:(?<![\w.,+-])\+|[~≈±≤≥<>]=? ?)(?=[$€£]?\d)"
OR_MORE = r"(?<=\d)\+(?!\w)"
TIMES = rf"{FREE}\d{{1,4}}[x×](?!\w)"
GROUPED = rf"{FREE}\d{{1,3}}(?:(?:\.\d{{3}}){{2,}}|(?:'\d{{3}})+)(?![\w.']|-\d)"
MANY = rf"{FREE}\d{{5,7}}(?= (?:people|items|pages|points|users|customers|parcels|pieces|units|miles|steps|times)\b)"
COMPOUND = rf"{FREE}\d{{1,3}}(?=-[a-z]{{3}})"  # "a 30-day return"
RATIO = rf"{FREE}\d{{1,3}}:\d{{1,2}}(?![:\d])"
DECADE = r"\b(?:(?:1[89]|20)\d0s|(?<=the )\d0s)\b"
SIZE = rf"{FREE}(?:{NUMBER})(?:\s?[x×]\s?(?:{NUMBER}))+(?:\s?(?:{_UNIT}))?(?!\w)"
SLASHED = rf"{FREE}(?:\d{{1,3}} (?:{'|'.join(_FRACTIONS)})|\d{{1,2}}\.\d/\d{{1,3}}|\d{{1,4}}/\d{{1,4}})(?![\d/]|\.\d)"
VERSION = rf"{FREE}\d+(?:\.\d+){{2,}}(?![\w-])"
RANGE = rf"{FREE}\d{{1,4}}(?:\s?[-–]\s?|-)\d{{1,4}}(?![\w-])"


def percent(text: str, british: bool) -> str:
    """Say a share: "10-15%" is "ten to fifteen percent"."""
    return f"{_amounts(text.rstrip('% '), british)} percent"


def measure(text: str, british: bool) -> str:
    """Say an amount of something: "5 kg" is "five kilograms", "1 lb" "one pound"."""
    found = re.match(rf"([-–.,\d\s]*\d)\s?({_UNIT})(?!\w)", text)
    assert found is not None
    return f"{_amounts(found[1], british)} {_unit(found[2], one=found[1] in ('1', '-1'))}"


def size(text: str, british: bool) -> str:
    """Say how large: "30x40 cm" is "thirty by forty centimeters"."""
    unit = re.search(rf"({_UNIT})$", text)
    sides = " by ".join(decimal(side, british=british) for side in re.findall(NUMBER, text))
    return sides + (f" {_unit(unit[0], one=False)}" if unit else "")


def slashed(text: str, british: bool) -> str:
    """Say a fraction where it is one; "24/7" and "50/50" as people do, anything else with its slash."""
    whole, _, part = text.rpartition(" ")
    first, second = part.split("/")
    if part in _FRACTIONS:
        many, name = cardinal(int(first)), _FRACTIONS[part]
        return f"{cardinal(int(whole))} and {'a' if first == '1' else many} {name}" if whole else f"{many} {name}"
    rated = second in ("5", "10", "100") and float(first) <= int(second)  # "4.5/5"
    joint = " out of " if rated else " " if part == "24/7" or first == second else " slash "
    return joint.join(decimal(side, british=british) for side in (first, second))


def lasting(text: str, british: bool) -> str:
    """Say "1h 30m" or "PT1H30M" as "one hour thirty minutes"."""
    names = {"D": "day", "H": "hour", "M": "minute", "S": "second"}
    short = re.sub(r"(?<=[HM])(?:RS?|INS?)", "", text.upper())
    found = re.findall(r"(\d+) ?([DHMS]?)", short)
    parts = [(int(number), names[unit or "M"]) for number, unit in found]
    return " ".join(f"{cardinal(number)} {name}{'' if number == 1 else 's'}" for number, name in parts)


_SIGNS = {
    "+": "plus ", "~": "about ", "≈": "about ", "±": "plus or minus ", "≤": "at most ", "<=": "at most ",
    "≥": "at least ", ">=": "at least ", "<": "less than ", ">": "more than ",
}  # fmt: skip


def signed(text: str, british: bool) -> str:
    """Say the sign before a number: ">5" is "more than five"."""
    return _SIGNS[text.strip()]


def grouped(text: str, british: bool) -> str:
    """Say "1.000.000", and an amount that its noun shows to be one ("12345 items"), by its name."""
    return cardinal(int(re.sub(r"\D", "", text)), british=british)


def times(text: str, british: bool) -> str:
    """Say "2x" as "two times"."""
    return f"{cardinal(int(text[:-1]), british=british)} times"


def ratio(text: str, british: bool) -> str:
    """Say "3:2" as "three to two": what is no time."""
    return " to ".join(cardinal(int(side), british=british) for side in text.split(":"))


def decade(text: str, british: bool) -> str:
    """Say "1990s" as "nineteen nineties"."""
    words = year(int(text[:-1])) if len(text) > 3 else cardinal(int(text[:-1]))
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def version(text: str, british: bool) -> str:
    """Say "2.0.1" with its points."""
    return " point ".join(digits(part) if len(part) > 2 else cardinal(int(part)) for part in text.split("."))


def a_range(text: str, british: bool) -> str:
    """Say "3-5" as "three to five"; "4711-0815", which falls, is a reference in two groups."""
    first, last = re.findall(r"\d+", text)
    if len(first) > 2 and len(last) > 2 and (last[0] == "0" or int(first) >= int(last)):
        return f"{digits(first)}, {digits(last)}"
    return " to ".join(cardinal(int(number), british=british) for number in re.findall(r"\d+", text))


def whole(text: str, british: bool) -> str:
    """Say a number by its name; one that begins with 0 is none."""
    return digits(text) if len(text) > 1 and text[0] == "0" and "." not in text else decimal(text, british=british)


def _amounts(text: str, british: bool) -> str:
    parts = re.fullmatch(rf"(-?{_AMOUNT})(?:\s?[-–]\s?({_AMOUNT}))?", text)
    assert parts is not None
    return " to ".join(decimal(re.sub(r",(?=\d{1,2}$)", ".", part), british=british) for part in parts.groups() if part)


def _unit(unit: str, *, one: bool) -> str:
    name = _UNITS[unit]
    if one:
        return name
    head, _, rest = name.partition(" ")
    if name in ("kilowatt hour", "square meter", "square kilometer", "cubic meter"):
        return f"{name}s"
    if name == "square foot":
        return "square feet"
    many = "feet" if head == "foot" else head if head.endswith("hertz") else f"{head}s"
    return many + (f" {rest}" if rest else "")
