"""Compare what a recognizer heard with what was spoken: it mishears a word, and groups digits as it likes. Pure."""

import difflib

from voiceplane.cli.likeness import words_of

ALIKE = 0.75  # of the letters, in order
LONGER = 1.2  # what is heard after the sentence does not count
DIGITS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))


def alike(heard: str, sentence: str) -> bool:
    """Say whether what was heard begins, or nearly, with a whole sentence; no sentence is alike to nothing."""
    wanted, found = _sounds(sentence), _sounds(heard)
    matched = difflib.SequenceMatcher(None, found[: int(LONGER * len(wanted))], wanted, autojunk=False)
    return bool(wanted) and matched.ratio() >= ALIKE


def _sounds(text: str) -> str:
    """Return the words without spaces, each digit by its name."""
    return "".join(DIGITS.get(letter, letter) for letter in "".join(words_of(text)))
