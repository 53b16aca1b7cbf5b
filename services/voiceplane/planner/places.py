"""Addresses for the ear: house numbers, streets, units, states and ZIP codes of the United States. Pure."""

import re

from voiceplane.planner.counting import cardinal, digits, ordinal

_STREETS = {
    "St": "Street", "Ave": "Avenue", "Rd": "Road", "Blvd": "Boulevard", "Dr": "Drive", "Ln": "Lane", "Ct": "Court",
    "Pl": "Place", "Sq": "Square", "Pkwy": "Parkway", "Hwy": "Highway", "Ter": "Terrace", "Cir": "Circle",
    "Street": "Street", "Avenue": "Avenue", "Road": "Road", "Boulevard": "Boulevard", "Drive": "Drive",
    "Lane": "Lane", "Court": "Court", "Place": "Place", "Square": "Square", "Way": "Way",
}  # fmt: skip
_UNITS = {"Apt": "Apartment", "Ste": "Suite", "Fl": "Floor", "Rm": "Room", "Bldg": "Building"}
_SIDES = {"N": "North", "S": "South", "E": "East", "W": "West", "NE": "Northeast", "NW": "Northwest", "SE": "Southeast", "SW": "Southwest"}  # fmt: skip  # noqa: E501
_STATES = dict(
    pair.split("=")
    for pair in (
        "AL=Alabama AK=Alaska AZ=Arizona AR=Arkansas CA=California CO=Colorado CT=Connecticut DE=Delaware FL=Florida "
        "GA=Georgia HI=Hawaii ID=Idaho IL=Illinois IN=Indiana IA=Iowa KS=Kansas KY=Kentucky LA=Louisiana ME=Maine "
        "MD=Maryland MA=Massachusetts MI=Michigan MN=Minnesota MS=Mississippi MO=Missouri MT=Montana NE=Nebraska "
        "NV=Nevada NH=New_Hampshire NJ=New_Jersey NM=New_Mexico NY=New_York NC=North_Carolina ND=North_Dakota OH=Ohio "
        "OK=Oklahoma OR=Oregon PA=Pennsylvania RI=Rhode_Island SC=South_Carolina SD=South_Dakota TN=Tennessee TX=Texas "
        "UT=Utah VT=Vermont VA=Virginia WA=Washington WV=West_Virginia WI=Wisconsin WY=Wyoming DC=D_C"
    ).split()
)
_SIDE = "|".join(sorted(_SIDES, key=len, reverse=True))
STREET = (
    rf"(?<![\w.,-])\d{{1,5}}[A-Z]? (?:(?:{_SIDE})\.? )?(?:(?:(?:St\.? )?[A-Z][a-z']+|Jr\."
    rf"|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}"
    rf"(?:{'|'.join(sorted(_STREETS, key=len, reverse=True))})\b(?:\.(?!\s+[A-Z]|\s*$))?(?: (?:{_SIDE})\b)?"
    rf"(?:,? (?:(?:{'|'.join(_UNITS)})\b\.? ?|#)\d{{1,4}}[A-Z]?\b)?"
)
ROAD = r"\b[A-Z][a-z']+ (?:St|Ave|Blvd|Rd)\b(?:\.(?=\s+[a-z\d])|(?!\.?\s+[A-Z]))"
SAINT = r"\bSt\.? (?=[A-Z][a-z])"
_WORDS = {
    "IN",
    "OR",
    "ME",
    "HI",
    "OK",
    "OH",
    "PA",
    "MA",
    "ID",
    "AL",
    "DE",
    "LA",
    "CO",
    "MS",
}  # also mean something else
_ALONE = "|".join(name for name in _STATES if name not in _WORDS)
STATE = rf"\b(?:{'|'.join(_STATES)}) \d{{5}}(?:-\d{{4}})?\b|(?<=[a-z], )(?:{_ALONE})\b(?! ?\d)"
HIGHWAY = r"\b(?:I-|US-|(?:Hwy|Highway|Route|Rte)\.? )\d{1,3}\b"
SPOT = (  # where something stands: "Gate B12", "seat 12A", "Flat 3b", "Room 101"
    r"\b(?i:gate|seat|exit|flat|apartment|apt\.?|unit|platform|room|row|terminal|bay|dock|door|locker|aisle|zone|suite"
    r"|ste\.?|track|shelf|stand) (?:[A-Z]?-?\d{1,4}|\d{1,3}-?[A-Za-z])(?![\w:/-]|[.,]\d)"
)


def house_number(text: str) -> str:
    """Say a house number as people do: 1250 is "twelve fifty", 400 "four hundred", 12 "twelve", 305 "three oh five"."""
    number = int(text)
    if number < 100 or number % 100 == 0 and number < 10_000 and number % 1000:
        head, rest = divmod(number, 100)
        return f"{cardinal(head)} hundred" if head and not rest else cardinal(number)
    if number % 1000 == 0:
        return cardinal(number)
    if number >= 10_000:
        return digits(text)
    head, rest = divmod(number, 100)
    return f"{cardinal(head)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def street(text: str, british: bool) -> str:
    """Say a street address: "12 N Main St., Apt 4B" is "twelve North Main Street, Apartment four B"."""
    head, *words = text.split()
    said = [_with_letter(head)]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        bare, comma = word.rstrip(".,"), "," if word.endswith(",") else ""
        unit = re.fullmatch(r"#?(\d+)([A-Z]?)", bare)
        place = re.fullmatch(r"(\d+)(?:st|nd|rd|th)", bare)
        if unit is not None:
            bare = ("number " if bare[0] == "#" else "") + _with_letter(bare.lstrip("#"))
        elif place is not None:
            bare = ordinal(int(place[1]))
        if bare == "St" and not comma and following[:1].isupper() and following.rstrip(".,") not in _UNITS | _SIDES:
            bare = "Saint"
        said.append((_STREETS | _UNITS | _SIDES | {"Jr": "Junior"}).get(bare, bare) + comma)
    return " ".join(said)


def road(text: str, british: bool) -> str:
    """Say a street without a number: "Main St." is "Main Street"."""
    name, kind = text.rstrip(".").split()
    return f"{name} {_STREETS[kind]}"


def _with_letter(text: str) -> str:
    number = re.match(r"\d+", text)
    assert number is not None
    return f"{house_number(number[0])} {text[number.end() :]}".strip()


def spot(text: str, british: bool) -> str:
    """Say where something stands: "seat 12A" is "seat twelve A"."""
    kind, _, place = text.partition(" ")
    before, number, after = re.fullmatch(r"([A-Z]?)-?(\d+)-?([A-Za-z]?)", place).groups()  # type: ignore[union-attr]
    said = digits(number) if number[0] == "0" else house_number(number)
    return " ".join(part for part in (_UNITS.get(kind.rstrip("."), kind), before, said, after.upper()) if part)


def highway(text: str, british: bool) -> str:
    """Say a road that has a number: "I-95" is "I ninety-five", "Hwy 101" "Highway one oh one"."""
    name, number = re.match(r"([A-Za-z]+)", text)[0], re.search(r"\d+", text)[0]  # type: ignore[index]
    names = {"Hwy": "Highway", "Rte": "Route", "US": "U S"}
    return f"{names.get(name, name)} {house_number(number)}"


def state(text: str, british: bool) -> str:
    """Say a state and its ZIP code: "IL 62704-1234" is "Illinois, 6 2 7 0 4, 1 2 3 4"."""
    name, _, zip_code = text.partition(" ")
    return ", ".join([_STATES[name].replace("_", " "), *(digits(part) for part in zip_code.split("-") if part)])
