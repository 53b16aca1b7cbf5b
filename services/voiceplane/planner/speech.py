"""A model's words on their way to the voice: cut at the ends of phrases as they come, stopped if they make no sense.

Pure. `Cutter.feed` takes letters as they stream and gives each phrase once the next one has begun.
"""

import re
from collections import Counter

from voiceplane.planner.phrases import phrases

MAX_PHRASES = 8  # of one reply: half a minute of speech; nobody listens longer
MAX_PHRASE = 600  # characters without an end: not a sentence
_MARKUP = re.compile(r"[{}]|<\||```|</?\w+>|\[/?INST\]|\[/?TOOL")
_SOFT = re.compile(r"\*\*|__|^\s*(?:[-*•]|#+|\d+[.)])\s+|`", re.M)
_REFERENCE = re.compile(r"\d(?:[ -]?\d){3,}")


class Cutter:
    """Cuts a stream of letters into phrases."""

    def __init__(self) -> None:
        """Start empty."""
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Return the phrases that are whole now."""
        self._rest += text
        found = phrases(plain(self._rest))
        if len(found) < 2:
            return []
        ends = self._rest[-1:].isspace()
        self._rest = found[-1] + (" " if ends else "")
        return found[:-1]

    def flush(self) -> list[str]:
        """Return what is left: the reply is over."""
        found, self._rest = phrases(plain(self._rest)), ""
        return found

    @property
    def waiting(self) -> str:
        """Return the letters of the phrase that has not ended."""
        return self._rest


def plain(text: str) -> str:
    """Drop the mark-up of lists and emphasis, which is not for the ear."""
    return _SOFT.sub("", text)


def senseless(phrase: str, said: list[str], known: str) -> str | None:
    """Say why a phrase must not be spoken, in a bounded word; None when it may. `known` is all the model was told."""
    if _MARKUP.search(phrase):
        return "mark-up"
    if not any(letter.isalpha() for letter in phrase):
        return "no-words"
    if len(phrase) > MAX_PHRASE:
        return "no-end"
    if phrase in said:
        return "repeated"
    words = phrase.lower().split()
    runs = Counter(tuple(words[at : at + 3]) for at in range(len(words) - 2))
    if runs and max(runs.values()) > 2:
        return "loop"
    numbers = (re.sub(r"[ -]", "", found[0]) for found in _REFERENCE.finditer(phrase))
    bare = re.sub(r"[ -]", "", known)
    if any(number not in bare for number in numbers):
        return "invented-number"
    return None
