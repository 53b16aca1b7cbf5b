"""Have the letter A read as one: espeak takes it for the article ("uh as in Alpha", "uh M"). Read by voice.py. Pure."""

import re

_BEFORE = re.compile(r"[A-Z0-9]|(?:[a-z]+-)?(?:one|two|three|four|five|six|seven|eight|nine|ten|oh|zero|hundred)|\w+teen|\w+ty|eleven|twelve")  # fmt: skip  # noqa: E501
_AFTER = re.compile(r"(?:[A-Z0-9]|as)[,.;:!?]?")
LETTER = "eh"  # which espeak says as the letter's name, in American and British English


def named(phrase):
    """Return the phrase with each A that is a letter written so that it is read as one; words stay as many."""
    words = phrase.split()
    for at, word in enumerate(words):
        before, after = words[at - 1] if at else "", words[at + 1] if at + 1 < len(words) else ""
        if word == "A" and (_BEFORE.fullmatch(before) or _AFTER.fullmatch(after)):
            words[at] = LETTER
    return " ".join(words)
