"""Two wishes in one sentence ("track my parcel and change its day"): the first is served, then the second. Pure.

Read by flow. Only where each half is a clear wish of its own, for something else: "one and two" is a number.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.planner.intents import PERSON, Guess

_JOINT = re.compile(r"[\s,.;?!]+(?:and|also|then|plus)(?:[\s,]+(?:and|also|then|after that|please|I))*\s+", re.I)
MIN_WORDS = 2  # of each half


@dataclass(frozen=True, slots=True)
class Both:
    """What is wished first, what after it, and the words of the second."""

    first: Guess
    second: Guess
    words: str


def both(text: str, clear: Callable[[str], Guess | None]) -> Both | None:
    """Cut a sentence at the first joint with a clear wish on either side; None where there is one wish, or none."""
    for joint in _JOINT.finditer(text):
        left, right = text[: joint.start()], text[joint.end() :]
        if min(len(left.split()), len(right.split())) < MIN_WORDS:
            continue
        first, second = clear(left), clear(right)
        if first is not None and second is not None and first.intent != second.intent:
            return None if PERSON in (first.intent, second.intent) else Both(first, second, right)
    return None
