"""The words for digits and numbers, as callers say and recognizers write them. Read by turn.reading and the planner.

Who waits for the rest of a number, who takes the number and who says one know the same words.
"""

# The names of 0 to 19 and of 20 to 90, as they are written.
NAMES = tuple(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split()
)
NAMES_OF_TENS = tuple("twenty thirty forty fifty sixty seventy eighty ninety".split())
UNITS = {name: str(number) for number, name in enumerate(NAMES[:10])}
UNITS |= {"nought": "0", "naught": "0", "nil": "0", "niner": "9"}
TEENS = {name: str(number) for number, name in enumerate(NAMES[10:], start=10)}
TENS = {name: str(digit) for digit, name in enumerate(NAMES_OF_TENS, start=2)} | {"fourty": "4"}
REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
OHS = frozenset({"oh", "o", "ow"})
# Digits among digits, other words elsewhere.
HOMOPHONES = {
    "to": "2",
    "too": "2",
    "for": "4",
    "fore": "4",
    "won": "1",
    "ate": "8",
    "tree": "3",
    "fife": "5",
    "pre": "3",
}
