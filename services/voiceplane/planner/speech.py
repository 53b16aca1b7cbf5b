"""A model's words on their way to the voice: cut at the ends of phrases as they come, stopped if they make no sense.

Pure. `Cutter.feed` takes letters as they stream and gives each phrase once the next one has begun.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from voiceplane.contract.spoken_digits import UNITS
from voiceplane.planner import digits, ear
from voiceplane.planner.phrases import phrases

MAX_PHRASES = 8  # of one reply: half a minute of speech; nobody listens longer
MAX_PHRASE = 600  # characters without an end: not a sentence
_STEP = 100  # characters that are looked at at once: an endpoint may send any number in one event
_MARKUP = re.compile(
    r"[{}\[\]|\\]|</?\w[^<>]*>|<!|&#?\w+;|```"
    r"|\w\(|\w_\w|\bfunctions?\.\w"  # a function call written as words
)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_SOFT = re.compile(r"\*+|__|^\s*(?:[-*•]|#+|\d+[.)])\s+|`", re.M)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.S)
_MARKS = re.compile(r"[{}\[\]|\\`_*]+|[<>](?!=? ?[$€£]?\d)|#(?![A-Z\d])")
_HIDDEN = re.compile(r"\*[* -]{1,30}(?=\d{2,6}\b)")  # "****-4242"
_BULLET = re.compile(r"^\s*(?:[-•–→]\s+)+")
_REFERENCE = re.compile(r"\d(?:[ -]?\d){3,}")
_SPELLED = re.compile(rf"\b(?:(?:{'|'.join([*UNITS, 'oh'])})\b[\s,.-]*){{4,}}", re.I)
_ADDRESS = re.compile(rf"{ear.KINDS['email'].pattern}|{ear.KINDS['url'].pattern}", re.I)
_UNSPOKEN = frozenset({"So", "Cs", "Co", "Cn", "Cf", "Cc", "Me"})  # emoji, halves of letters, control characters
_LATIN = "\u024f"  # the last letter that a voice of this project can read


class Cutter:
    """Cuts a stream of letters into phrases."""

    def __init__(self) -> None:
        """Start empty."""
        self._rest = ""

    def feed(self, text: str) -> Iterator[str]:
        """Yield the phrases that are whole now; one that has no end as it is, which is not to be spoken."""
        for start in range(0, len(text), _STEP):
            self._rest += text[start : start + _STEP]
            found = phrases(plain(self._rest))
            if len(found) > 1:
                ends = self._rest[-1:].isspace()
                self._rest = found.pop() + (" " if ends else "")
                yield from found
            if len(self._rest) > MAX_PHRASE:
                yield self._rest
                self._rest = ""

    def flush(self) -> list[str]:
        """Return what is left: the reply is over."""
        found, self._rest = phrases(plain(self._rest)), ""
        return found

    @property
    def waiting(self) -> str:
        """Return the letters of the phrase that has not ended."""
        return self._rest


def plain(text: str) -> str:
    """Drop the mark-up of lists, links and emphasis, and signs that no voice reads: they are not for the ear."""
    return _SOFT.sub("", "".join(letter for letter in _LINK.sub(r"\1", text) if not _unspoken(letter)))


def unmarked(text: str) -> str:
    """Return a value from outside without any mark-up, as plain as it can be; what an address needs stays in it."""
    text = _HIDDEN.sub("XXXX-", _TAG.sub(" ", html.unescape(_LINK.sub(r"\1", text))))
    words = [word if _ADDRESS.fullmatch(word.rstrip(".,;:!?)")) else _MARKS.sub(" ", word) for word in text.split()]
    return _BULLET.sub("", "".join(_latin(letter) for letter in " ".join(words) if not _unspoken(letter)))


def _latin(letter: str) -> str:
    """Return a letter as a voice can read it: without its marks, or not at all ("Chinese letter", it would say)."""
    if letter <= _LATIN or not letter.isalpha():
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base <= _LATIN else " "


def _unspoken(letter: str) -> bool:
    kind = unicodedata.category(letter)
    if kind in _UNSPOKEN:
        return letter != "°" and not letter.isspace()
    return letter in "\ufe0e\ufe0f" or (kind == "Sk" and letter > "\uffff")  # how an emoji looks


def senseless(phrase: str, said: list[str], known: str) -> str | None:
    """Say why a phrase must not be spoken, in a bounded word; None when it may. `known` is all the model was told."""
    if _MARKUP.search(phrase):
        return "mark-up"
    if len(phrase) > MAX_PHRASE:
        return "no-end"
    letters = [letter for letter in phrase if letter.isalpha()]
    if 2 * sum(letter <= _LATIN for letter in letters) <= len(letters):
        return "no-words"
    if phrase in said:
        return "repeated"
    words = phrase.lower().split()
    runs = Counter(tuple(words[at : at + 3]) for at in range(len(words) - 2))
    if runs and max(runs.values()) > 2:
        return "loop"
    numbers = [re.sub(r"[ -]", "", found[0]) for found in _REFERENCE.finditer(phrase)]
    numbers += [number for found in _SPELLED.finditer(phrase) for number in digits.runs(found[0])]
    bare = re.sub(r"[ -]", "", digits.spoken_as_digits(known) + known)
    if any(number not in bare for number in numbers):
        return "invented-number"
    if any(found[0].lower() not in known.lower() for found in _ADDRESS.finditer(phrase)):
        return "invented-address"
    return None
