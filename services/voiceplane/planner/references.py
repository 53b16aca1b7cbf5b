"""Numbers that are read one by one: references, phone numbers, IBANs, postcodes, ends of cards. Pure. For ear.py."""

import re

from voiceplane.planner.counting import FREE, cardinal, digits

_NATO = "Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu".split()  # fmt: skip  # noqa: E501
_EXTENSION = r"(?:,? ?(?:ext\.?|extension|x) ?\d{1,6}\b)?"
PHONE = (
    rf"(?:\+\d[\d ().-]{{6,20}}\d|\(\d{{3}}\) ?\d{{3}}-\d{{4}}|(?<![\w-])(?:1-)?\d{{3}}[-.]\d{{3}}[-.]\d{{4}}(?![\w-])"
    rf"|{FREE}\d{{3}}-(?!\d\d00)\d{{4}}(?![\w-])"  # "500-1000" is a range
    rf"|{FREE}(?:0\d{{2,}}(?: \d{{2,}})+|\d{{3,}}(?: \d{{2,}}){{2,}})(?![\w-]|\.\d)"
    rf"|{FREE}\d{{5}}-\d{{4}}(?![\w-])|\b1-8\d\d-[A-Z]{{4,}}\b"
    rf"|{FREE}\d+(?:-\d+){{2,}}(?![\w-])){_EXTENSION}"
)
IBAN = r"\b[A-Z]{2}\d\d(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,4})?\b"
POSTCODE = r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"  # of the United Kingdom
REFERENCE = (
    r"(?<![\w.,-])(?:(?=[A-Z-]*\d[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z\d]+(?:-[A-Z\d]+)*(?<=....)|\d{5,})(?![\w-])(?!\.\d)"
)
NAMED = (
    r"\b(?:(?:[Ee]nding(?: in| with)?|ends (?:in|with)) (?!(?:19|20)\d\d\b)"
    r"|(?:[Nn]umber|[Cc]ode|PIN|pin|ID|[Rr]ef(?:erence)?|[Ee]xt(?:ension|\.)?|(?:P\.?O\.? )?[Bb]ox)(?: is|:)? )"
    r"\d{3,4}(?![\w:/-]|[.,]\d)"
    r"|\b[Ee]xt\.? ?\d{1,4}\b|\b(?:[Cc]all|[Dd]ial) (?:911|112|999|\d11)(?![\w:/-]|[.,]\d)"
)
CODE = (  # "code: a1b2c3": in capitals or not, letters and digits are spelled
    r"\b(?:[Cc]ode|[Rr]ef(?:erence)?|[Pp]assword|[Nn]umber|PNR|[Ss]erial|[Tt]oken|[Kk]ey|ID)(?: is|:)? "
    r"(?=[a-zA-Z]*\d)(?=\d*[a-zA-Z])(?=\w*[a-z])(?!\d+(?:st|nd|rd|th|am|pm|kg|km|h|x)\b)[a-zA-Z\d]{3,16}(?![\w-])"
)
FLIGHT = r"\b(?i:flight) [A-Z]{2} ?\d{1,4}\b"
PLATE = r"\b[A-Z]{1,3}-[A-Z]{1,2} \d{1,4}(?![\w-])"
MASKED = r"(?:•{2}|\b[Xx]{3})[•Xx -]{0,30}\d{2,6}(?![\w-])"
_MANY = r"(?! (?!is\b|was\b|has\b)\w+s\b)"  # "No. 5 minutes more." is another "no"
NUMBERED = (
    r"(?:\b(?:[Nn]umber |[Nn]os?\. )|(?<!\w))#\s?(?:\d+\b|(?=[A-Z]+-?\d))"
    rf"|\b[Nn]os?\. ?\d+(?![\w:/-]|[.,]\d){_MANY}"
)


def spelled(text: str) -> str:
    """Spell letters so that none is mistaken on a line: "B as in Bravo, K as in Kilo, 4 5 2"."""
    return ", ".join(_spelled(run) for run in re.findall(r"[0-9]+|[A-Z]", text.upper()))


def _spelled(run: str) -> str:
    if run.isdecimal():
        return digits(run) if len(run) > 1 else cardinal(int(run))
    return f"{run} as in {_NATO[ord(run) - ord('A')]}"


def phone(text: str, british: bool) -> str:
    """Say a phone number, or any digits in groups, in the groups in which it is written."""
    number, _, extension = re.sub(r",? ?(?:ext\.?|extension|x) ?(?=\d+$)", "x", text).partition("x")
    plus = "plus " if number.startswith("+") else ""
    groups = [digits(group) if group[0].isdecimal() else group.title() for group in re.findall(r"\d+|[A-Z]+", number)]
    return plus + ", ".join([*groups, *([f"extension {digits(extension)}"] if extension else [])])


def in_fours(text: str, british: bool) -> str:
    """Say an IBAN four by four."""
    bare = text.replace(" ", "")
    return ", ".join(spelled(bare[at : at + 4]) for at in range(0, len(bare), 4))


def postcode(text: str, british: bool) -> str:
    """Spell both halves of a postcode."""
    return spelled(text)


def reference(text: str, british: bool) -> str:
    """Say a reference: digits one by one, letters spelled; a word with a number ("COVID-19") stays a word."""
    if text.isdecimal():
        return digits(text)
    if max(map(len, re.findall(r"[A-Z]+", text))) <= 3 or re.fullmatch(r"[A-Z-]+[\d-]+", text) is None:
        return spelled(text)
    return re.sub(r"-?(?<!\d)(\d{3,})(?!\d)", lambda run: f" {digits(run[1])}", text)


def named(text: str, british: bool) -> str:
    """Say what comes after a word that makes it no amount: "ending in 4321", "PIN 0042"."""
    full = re.sub(r"^P\.?O\.? ", "P O ", re.sub(r"^([Ee])xt\.?(?= ?\d)", r"\1xtension", text))
    return re.sub(r" ?\d+", lambda found: f" {digits(found[0].strip())}", full)


def code(text: str, british: bool) -> str:
    """Spell what stands behind a word that makes it a code."""
    head, _, last = text.rpartition(" ")
    return f"{head} {spelled(last)}"


def flight(text: str, british: bool) -> str:
    """Say a flight as it is announced: "flight LH 456" is "flight L H, 4 5 6"."""
    head, _, rest = text.partition(" ")
    return f"{head} {rest[0]} {rest[1]}, {digits(rest[2:].strip())}"


def masked(text: str, british: bool) -> str:
    """Say a number that is hidden but for its end."""
    return f"ending in {digits(re.findall(r'[0-9]+', text)[-1])}"


def numbered(text: str, british: bool) -> str:
    """Say "#12" and "No. 5"; more than two digits one by one."""
    head = "numbers" if re.match(r"nos", text, re.I) else "number"
    found = re.search(r"\d+", text)
    if found is None:
        return f"{head} "
    small = len(found[0]) < 3 and found[0][0] != "0"
    return f"{head} {cardinal(int(found[0])) if small else digits(found[0])}"
