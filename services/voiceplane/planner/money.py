"""Money for the ear: "$1,234.50", "€5", "5-10 USD", "-$20", "$2.5k", "$10/month". Pure. Used by ear.py."""

import re

from voiceplane.planner.counting import FREE, NUMBER, cardinal, decimal

_MONEY = {
    "$": ("dollar", "cent"),
    "USD": ("dollar", "cent"),
    "US$": ("dollar", "cent"),
    "CAD": ("Canadian dollar", "cent"),
    "€": ("euro", "cent"),
    "EUR": ("euro", "cent"),
    "£": ("pound", "penny"),
    "GBP": ("pound", "penny"),
    "CHF": ("franc", "centime"),
    "AUD": ("Australian dollar", "cent"),
    "A$": ("Australian dollar", "cent"),
    "CA$": ("Canadian dollar", "cent"),
    "C$": ("Canadian dollar", "cent"),
    "NZ$": ("New Zealand dollar", "cent"),
    "NZD": ("New Zealand dollar", "cent"),
    "SEK": ("krona", "öre"),
    "NOK": ("krone", "øre"),
    "DKK": ("krone", "øre"),
    "PLN": ("zloty", "grosz"),
    "CZK": ("koruna", "heller"),
    "JPY": ("yen", "sen"),
    "¥": ("yen", "sen"),
    "CNY": ("yuan", "fen"),
    "INR": ("rupee", "paisa"),
    "₹": ("rupee", "paisa"),
    "MXN": ("Mexican peso", "centavo"),
    "BRL": ("Brazilian real", "centavo"),
    "R$": ("Brazilian real", "centavo"),
    "¢": ("cent", ""),
    "p": ("penny", ""),
}
_MANY = {
    "krona": "kronor", "krone": "kroner", "zloty": "zlotys", "koruna": "koruna", "yen": "yen", "yuan": "yuan",
    "sen": "sen", "fen": "fen", "öre": "öre", "øre": "øre", "grosz": "groszy", "heller": "hellers", "paisa": "paise",
    "Brazilian real": "Brazilian reais", "penny": "pence",
}  # fmt: skip
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion", "B": "billion"}
_EACH = {
    "mo": "month", "month": "month", "yr": "year", "year": "year", "wk": "week", "week": "week", "day": "day",
    "hr": "hour", "h": "hour", "hour": "hour", "min": "minute", "minute": "minute", "kg": "kilogram", "lb": "pound",
    "item": "item", "person": "person", "user": "user", "night": "night", "parcel": "parcel",
}  # fmt: skip
_CODES = "|".join(code for code in _MONEY if code.isalpha() and code != "p")
_SIGN = rf"(?:\b(?:US|CA|NZ|A|C|R)\$|[$€£¥₹]|\b(?:{_CODES}) )"
_COMMA = r"\d{1,3}(?:\.\d{3})+,\d\d(?!\d)|\d+,\d\d(?![\d,])"  # "1.234,50": as most of Europe writes it
_AMOUNT = rf"(?:{_COMMA}|{NUMBER})"
_SCALE = rf"(?: (?:thousand|million|billion)\b|(?:{'|'.join(_SCALES)})\b)"
_PER = rf"(?:\s?/\s?(?:{'|'.join(sorted(_EACH, key=len, reverse=True))})\b)"
PATTERN = (
    rf"(?:(?<![\w)])[-−])?{_SIGN}\s?-?{_AMOUNT}(?:\s?[-–]\s?{_SIGN}?\s?{_AMOUNT})?{_SCALE}?{_PER}?"
    rf"|{FREE}-?{_AMOUNT}(?:\s?[-–]\s?{_AMOUNT})?\s?(?:[€£$¥₹¢](?!\d)|(?:{_CODES})\b){_PER}?"
    rf"|{FREE}\d{{1,3}}p\b"
)


def spoken(text: str, british: bool) -> str:
    """Say a price, a range of prices or what it costs each time."""
    price, _, each = text.partition("/")
    code = next(code for code in sorted(_MONEY, key=len, reverse=True) if code in price)
    scale = re.search(rf"\d\s?((?:thousand|million|billion)|(?:{'|'.join(_SCALES)})\b)", price)
    amounts = [_plain(amount) for amount in re.findall(_AMOUNT, price)]
    minus = "minus " if re.match(rf"[-−]|{_SIGN}\s?-", price) else ""
    if scale is not None:
        named = [f"{decimal(amount, british=british)} {_SCALES.get(scale[1], scale[1])}" for amount in amounts]
        said = f"{' to '.join(named)} {_many(_MONEY[code][0])}"
    elif len(amounts) > 1 and not any("." in amount for amount in amounts):
        said = f"{cardinal(int(amounts[0]), british=british)} to {_one(amounts[1], code, british=british)}"
    else:
        said = " to ".join(_one(amount, code, british=british) for amount in amounts)
    return minus + said + (f" per {_EACH[each.strip()]}" if each else "")


def _plain(amount: str) -> str:
    """Return an amount without signs that group its digits, with a point before its cents."""
    if re.fullmatch(_COMMA, amount):
        amount = amount.replace(".", "").replace(",", ".")
    return amount.replace(",", "")


def _one(amount: str, code: str, *, british: bool) -> str:
    many, one = _MONEY[code]
    whole, _, fraction = amount.partition(".")
    if len(fraction) > 2:
        return f"{decimal(amount, british=british)} {_many(many)}"
    small = int(fraction.ljust(2, "0")) if fraction else 0
    parts = [_counted(int(whole), many, british=british)] if int(whole) or not small else []
    if small and one == "penny":
        parts.append("one penny" if small == 1 else f"{cardinal(small)} pence")
    elif small:
        parts.append(_counted(small, one))
    return " and ".join(parts)


def _counted(number: int, name: str, *, british: bool = False) -> str:
    return f"{cardinal(number, british=british)} {name if number == 1 else _many(name)}"


def _many(name: str) -> str:
    return _MANY.get(name, f"{name}s")
