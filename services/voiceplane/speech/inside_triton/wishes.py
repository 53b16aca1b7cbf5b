"""Tell "Stop." from a hum where the recognizer's words are unlikely: by what it holds for the first of them. Pure.

One step of the decoder says how likely each of a few beginnings is: of those who want the floor, of those who listen. A
hum makes "Hey" likelier than "Cancel", whatever was said: what counts is by how much more than a hum does. Measured for
whisper tiny.en on 258 hums and words of listeners and 99 misheard commands: docs/experiments.md.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Wish:
    """Words of one who wants the floor, and how likely a hum makes them against a listener's: natural logarithms."""

    text: str
    mean: float
    deviation: float


WISHES = (
    Wish("Stop.", -9.2, 2.1),
    Wish("Wait.", -8.0, 2.0),
    Wish("Help.", -9.0, 2.5),
    Wish("Hey.", -6.9, 1.9),
    Wish("Hold on.", -8.3, 2.4),
    Wish("Sorry?", -6.9, 2.2),
    Wish("Listen.", -9.0, 2.4),
    Wish("Hello?", -6.9, 2.5),
    Wish("Cancel.", -11.5, 1.8),
    Wish("Enough.", -10.9, 1.9),
    Wish("Pardon?", -6.7, 1.9),
    Wish("Excuse me.", -8.3, 2.1),
)
LISTENERS = (
    *("Mm", "Hmm", "Uh", "Um", "Okay", "Right", "Yeah", "Yes", "Yep", "Sure", "Alright", "I", "Got", "Good", "Great"),
    *("Thanks", "Thank", "Oh", "Ah", "Huh", "Ow", "Ooh", "and", "you", "the"),  # the last three: a hum, misheard
)
LEAST = 3.4  # deviations over a hum's mean: one voice's "uh-huh" is "Wait." by up to 3.3
SURE_WORD, SURE_LOGPROB = 0.4, -1.05  # as turn/overlap.py has them: likelier words stand as they are


def is_doubtful(answer):
    """Say whether an answer of the recognizer has words, but unlikely ones: what has none is no voice."""
    words = answer["words"]
    likely = words and sum(word[3] for word in words) / len(words) >= SURE_WORD and answer["logprob"] >= SURE_LOGPROB
    return bool(words) and not likely


def wish(wishes, listeners):
    """Return the wish that was said, "" for none; given the logarithms of each one's first token, in their order."""
    listens = float(np.logaddexp.reduce(listeners))
    scores = [(found - listens - each.mean) / each.deviation for each, found in zip(WISHES, wishes, strict=True)]
    best = int(np.argmax(scores))
    return WISHES[best].text if scores[best] > LEAST else ""
