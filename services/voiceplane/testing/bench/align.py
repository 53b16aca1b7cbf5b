"""Compare what the ledger says was heard with what a recognizer hears on the wire. Pure: words in, counts out."""

from collections.abc import Sequence
from dataclasses import dataclass

LONG = 6  # letters: shorter words that differ by one are other words


def words_off(ledger: Sequence[str], wire: Sequence[str]) -> int:
    """Return by how many words two texts end at different places: the longer tail after the last words that agree.

    Words inside that differ are the recognizer's and do not count. A last word of which only the beginning was heard
    ("insur") agrees with the whole.
    """
    last = _last_agreement(ledger, wire)
    return max(len(ledger) - last[0], len(wire) - last[1])


@dataclass(frozen=True, slots=True)
class Inside:
    """What differs before the last agreement: where a resume at a wrong word, or a phrase said twice, would show."""

    lost: int  # words of the ledger that nobody heard
    doubled: int  # words on the wire that the ledger does not have
    longest: int  # most of either in one stretch: a recognizer drops a word here and there

    @property
    def words(self) -> int:
        """Return all of them."""
        return self.lost + self.doubled


def inside(ledger: Sequence[str], wire: Sequence[str]) -> Inside:
    """Compare two texts before their last agreement; changed words are the recognizer's and do not count."""
    at, other = _last_agreement(ledger, wire)
    wanted, heard = ledger[:at], wire[:other]
    rows = _distances(wanted, heard)
    lost = doubled = longest = 0
    before, run = "", 0
    at, other = len(wanted), len(heard)
    while at or other:
        change = rows[at - 1][other - 1] + (not _alike(wanted[at - 1], heard[other - 1])) if at and other else None
        if change == rows[at][other]:
            kind, at, other = "", at - 1, other - 1
        elif at and rows[at - 1][other] + 1 == rows[at][other]:
            kind, at, lost = "lost", at - 1, lost + 1
        else:
            kind, other, doubled = "doubled", other - 1, doubled + 1
        before, run = kind, run + 1 if kind == before else 1
        longest = max(longest, run if kind else 0)
    return Inside(lost, doubled, longest)


def errors(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Return the words that were changed, lost or invented (Levenshtein)."""
    return _distances(wanted, heard)[-1][-1]


def begun(wanted: Sequence[str], heard: Sequence[str]) -> list[str]:
    """Return the beginning of a text that fits best to what was heard of it; the shortest of equally good ones."""
    last = [row[-1] for row in _distances(wanted, heard)]
    return list(wanted[: last.index(min(last))])


def _alike(one: str, other: str) -> bool:
    """Say whether it is one word: heard in part ("insur"), or written with another letter ("ensured")."""
    if one == other or (min(len(one), len(other)) >= 3 and (one.startswith(other) or other.startswith(one))):
        return True
    return len(one) == len(other) >= LONG and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _distances(wanted: Sequence[str], heard: Sequence[str]) -> list[list[int]]:
    rows = [list(range(len(heard) + 1))]
    for at, word in enumerate(wanted, start=1):
        row = [at]
        for other, seen in enumerate(heard, start=1):
            change = rows[-1][other - 1] + (not _alike(word, seen))
            row.append(min(change, rows[-1][other] + 1, row[-1] + 1))
        rows.append(row)
    return rows


def _last_agreement(wanted: Sequence[str], heard: Sequence[str]) -> tuple[int, int]:
    """Return how many words of each stand up to the last agreement that any best alignment has.

    Several alignments may be equally good: "dollars delivery" against "delivery before" has two changed words, or one
    lost and one invented around an agreement.
    """
    before = _distances(wanted, heard)
    behind = _distances(wanted[::-1], heard[::-1])
    best = before[-1][-1]
    agreed = [
        (at, other)
        for at, word in enumerate(wanted, start=1)
        for other, seen in enumerate(heard, start=1)
        if _alike(word, seen) and before[at - 1][other - 1] + behind[len(wanted) - at][len(heard) - other] == best
    ]
    return max(agreed, key=sum, default=(0, 0))
