"""Which of two hearings of one sound to believe, and when a second is worth its work. Used by call.second. Pure.

The first recognizer is small, so that all turns are fast; the second hears better and takes longer. It is asked only
where the turn waits anyway, since the first one's words do not say what the caller wants. Not where they may: a last
word in doubt is seldom wrong, and what was heard better then ended a hesitation. Nor for a sound without words, which
is a noise as often as not, and out of which a larger recognizer may make some.
"""

from voiceplane.turn.reading import Reading, said_digits

NO_OTHER_GROUP_S = 1.3  # pauses between the groups of a number go up to 1.2 s; half of one waits 2.2
_WORTH_A_SECOND = frozenset({Reading.UNCLEAR, Reading.MISHEARD, Reading.LACKING, Reading.OPEN})
_SAYS_WHAT_IS_WANTED = frozenset({Reading.EXPECTED, Reading.COMPLETE, Reading.COUNTED, Reading.BRIEF, Reading.DOUBTFUL})


def worth_a_second(reading: Reading) -> bool:
    """Say whether another recognizer may make more of the sound than these words do."""
    return reading in _WORTH_A_SECOND


def second_after_s(reading: Reading, *, quick: bool, digits: bool) -> float | None:
    """Return how long a pause must have lasted for a second hearing, in seconds; None: it gets none.

    On a loaded machine (not `quick`) only half a number does, and not before the caller would have gone on: the agent
    would else ask for the rest of what was said, and take the whole, said once more, for it.
    """
    if not worth_a_second(reading) or not (quick or (digits and reading is Reading.OPEN)):
        return None
    return 0.0 if quick else NO_OTHER_GROUP_S


def second_stands(second: Reading, *, first: str = "", heard: str = "") -> bool:
    """Say whether what was heard second takes the place of words that were worth it; in a tie the first do.

    A whole number only where it has the digits of the `first` words in their order: digits are left out, seldom
    changed, and one that was invented would end a number whose last digit is still to come.
    """
    if second is Reading.COUNTED:
        said = iter(said_digits(heard))
        return all(digit in said for digit in said_digits(first))
    return second in _SAYS_WHAT_IS_WANTED
