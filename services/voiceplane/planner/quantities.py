"""Amounts for the ear that are no money: units, percent, fractions, ranges, versions. Pure. Used by ear.py."""

import re

from voiceplane.planner.counting import FREE, NUMBER, cardinal, decimal, digits

_UNITS = {
    "kg": "kilogram", "g": "gram", "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter",
    "lb": "pound", "lbs": "pound", "oz": "ounce", "mi": "mile", "ft": "foot", "hr": "hour", "hrs": "hour",
    "min": "minute", "mins": "minute", "sec": "second", "secs": "second", "ms": "millisecond", "mph": "mile per hour",
    "km/h": "kilometer per hour", "°C": "degree Celsius", "°F": "degree Fahrenheit", "°": "degree",
    "kWh": "kilowatt hour",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "Mbps": "megabit per second", "Gbps": "gigabit per second",
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_FRACTIONS = {"1/2": "half", "1/4": "quarter", "3/4": "quarters", "1/3": "third", "2/3": "thirds"}
PERCENT = rf"{FREE}-?(?:{NUMBER})(?:\s?[-–]\s?(?:{NUMBER}))? ?%"
MEASURE = rf"{FREE}-?(?:{NUMBER})(?:\s?[-–]\s?(?:{NUMBER}))?\s?(?:{_UNIT})(?!\w)(?:\.(?=\s+(?:\d|[a-z])))?"
SIZE = rf"{FREE}(?:{NUMBER})(?:\s?[x×]\s?(?:{NUMBER}))+(?:\s?(?:{_UNIT}))?(?!\w)"
SLASHED = rf"{FREE}(?:\d{{1,3}} (?:{'|'.join(_FRACTIONS)})|\d{{1,4}}/\d{{1,4}})(?![\d/]|\.\d)"
VERSION = rf"{FREE}\d+(?:\.\d+){{2,}}(?![\w-])"
RANGE = rf"{FREE}\d{{1,4}}\s?[-–]\s?\d{{1,4}}(?![\w-])"


def percent(text: str, british: bool) -> str:
    """Say a share: "10-15%" is "ten to fifteen percent"."""
    return f"{_amounts(text.rstrip('% '), british)} percent"


def measure(text: str, british: bool) -> str:
    """Say an amount of something: "5 kg" is "five kilograms", "1 lb" "one pound"."""
    found = re.match(rf"(.*\d)\s?({_UNIT})", text)
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
    joint = " " if part == "24/7" or first == second else " slash "
    return joint.join(cardinal(int(side), british=british) for side in (first, second))


def version(text: str, british: bool) -> str:
    """Say "2.0.1" with its points."""
    return " point ".join(digits(part) if len(part) > 2 else cardinal(int(part)) for part in text.split("."))


def a_range(text: str, british: bool) -> str:
    """Say "3-5" as "three to five"."""
    return " to ".join(cardinal(int(number), british=british) for number in re.findall(r"\d+", text))


def whole(text: str, british: bool) -> str:
    """Say a number by its name; one that begins with 0 is none."""
    return digits(text) if len(text) > 1 and text[0] == "0" and "." not in text else decimal(text, british=british)


def _amounts(text: str, british: bool) -> str:
    parts = re.fullmatch(rf"(-?(?:{NUMBER}))(?:\s?[-–]\s?({NUMBER}))?", text)
    assert parts is not None
    return " to ".join(decimal(part, british=british) for part in parts.groups() if part)


def _unit(unit: str, *, one: bool) -> str:
    name = _UNITS[unit]
    if one:
        return name
    head, _, rest = name.partition(" ")
    if name == "kilowatt hour":
        return "kilowatt hours"
    return ("feet" if head == "foot" else f"{head}s") + (f" {rest}" if rest else "")
