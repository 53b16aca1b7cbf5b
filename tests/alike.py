"""Compare what a recognizer heard with what was spoken: it mishears a word, and groups digits as it likes. Pure."""

import difflib

from voiceplane.cli.likeness import words_of

ALIKE = 0.75  # of the letters, in order
CLOSE = 0.6  # where it is only asked which of two was said: different answers of an agent are at most 0.4 alike
LONGER = 1.2  # what is heard after the sentence does not count
DIGITS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))


def alike(heard: str, sentence: str) -> bool:
    """Say whether what was heard begins, or nearly, with a whole sentence; no sentence is alike to nothing."""
    return likeness(heard, sentence) >= ALIKE


def likeness(heard: str, sentence: str) -> float:
    """Return how much of a sentence was heard, 0 to 1."""
    wanted, found = _sounds(sentence), _sounds(heard)
    matched = difflib.SequenceMatcher(None, found[: int(LONGER * len(wanted))], wanted, autojunk=False)
    return matched.ratio() if wanted else 0.0


def holds(heard: str, sentence: str) -> bool:
    """Say whether a sentence, or nearly, is in what was heard: "One moment, please." may come before it."""
    words = heard.split()
    return any(alike(" ".join(words[first:]), sentence) for first in range(len(words)))


def closest(heard: str, *sentences: str) -> str:
    """Return the one of several sentences that was said; none of them, as after silence, is an empty string."""
    likeliest = max(sentences, key=lambda each: likeness(heard, each))
    return likeliest if likeness(heard, likeliest) >= CLOSE else ""


def same(heard: str, sentence: str) -> bool:
    """Say whether every word was heard as it was spoken; how it was written does not count."""
    return _sounds(heard) == _sounds(sentence)


def _sounds(text: str) -> str:
    """Return the words without spaces, each digit by its name."""
    return "".join(DIGITS.get(letter, letter) for letter in "".join(words_of(text)))
