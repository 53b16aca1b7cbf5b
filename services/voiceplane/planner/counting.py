"""Numbers as English words: cardinals, ordinals, decimals, years, digits one by one. Pure. Used by ear.py."""

from voiceplane.contract.spoken_digits import NAMES, NAMES_OF_TENS

_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
FREE = r"(?<![\w.,:/@#$€£-])"  # a number starts here
LARGEST = 10**15  # from here a number is read digit by digit: nobody follows its name


def cardinal(number: int, *, british: bool = False) -> str:
    """Write a whole number: 1250 is "one thousand two hundred fifty", in British English with "and"."""
    if number < 0:
        return f"minus {cardinal(-number, british=british)}"
    if number >= LARGEST:
        return digits(str(number))
    if number < 20:
        return NAMES[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return NAMES_OF_TENS[tens - 2] + (f"-{NAMES[unit]}" if unit else "")
    joint = " and " if british else " "
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{NAMES[hundreds]} hundred" + (joint + cardinal(rest, british=british) if rest else "")
    size, name = next((size, name) for size, name in _SCALES if number >= size)
    many, rest = divmod(number, size)
    joint = joint if rest < 100 else " "
    return f"{cardinal(many, british=british)} {name}" + (joint + cardinal(rest, british=british) if rest else "")


def ordinal(number: int) -> str:
    """Write a place: 24 is "twenty-fourth"."""
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    head, last = words[:cut], words[cut:]
    if last in _ORDINALS:
        return head + _ORDINALS[last]
    return head + (last[:-1] + "ieth" if last.endswith("y") else f"{last}th")


def decimal(text: str, *, british: bool = False) -> str:
    """Write a number as it stands: "1,250.75" is "one thousand two hundred fifty point seven five"."""
    sign = "minus " if text.startswith("-") else ""
    whole, _, fraction = text.lstrip("-").replace(",", "").partition(".")
    words = sign + cardinal(int(whole or "0"), british=british)
    return f"{words} point {' '.join(NAMES[int(digit)] for digit in fraction)}" if fraction else words


def year(number: int) -> str:
    """Write a year: 2026 is "twenty twenty-six", 2005 "two thousand five", 1900 "nineteen hundred"."""
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010:
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """Space the digits of a reference for a voice that reads one by one; more than six in groups of three or four."""
    if len(text) <= 6:
        return " ".join(text)
    fours = len(text) % 3  # the last groups take what threes leave
    sizes = [3] * ((len(text) - 4 * fours) // 3) + [4] * fours
    groups, start = [], 0
    for size in sizes:
        groups.append(" ".join(text[start : start + size]))
        start += size
    return ", ".join(groups)
