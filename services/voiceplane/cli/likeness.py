"""Compare words as a recognizer heard them with words as they were written. Pure."""

import difflib
import re

_ALIKE = 0.75  # of the first words of a sentence; a recognizer gets most of them right
_FEW = 5  # words by which a sentence is known


def words_of(text: str) -> list[str]:
    """Normalise words for comparison: lower case letters and digits only."""
    return re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))


def says(heard: str, truth: str) -> bool:
    """Say whether the words of `truth` stand in `heard`, next to each other and in order; no words say nothing."""
    wanted, found = words_of(truth), words_of(heard)
    return bool(wanted) and any(found[i : i + len(wanted)] == wanted for i in range(len(found) - len(wanted) + 1))


def begins(heard: str, sentence: str) -> bool:
    """Say whether `heard` begins, or nearly, as the sentence does; an empty sentence begins nothing."""
    wanted, found = " ".join(words_of(sentence)[:_FEW]), " ".join(words_of(heard)[:_FEW])
    return bool(wanted) and difflib.SequenceMatcher(None, found, wanted, autojunk=False).ratio() >= _ALIKE
