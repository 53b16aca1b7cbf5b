"""Compare what the ledger says was heard with what a recognizer hears on the wire. Pure: words in, counts out."""

from collections.abc import Sequence


def words_off(ledger: Sequence[str], wire: Sequence[str]) -> int:
    """Return by how many words two texts end at different places: the longer tail after the last words that agree.

    Words inside that differ are the recognizer's and do not count. A last word of which only the beginning was heard
    ("insur") agrees with the whole.
    """
    last = _last_agreement(ledger, wire)
    return max(len(ledger) - last[0], len(wire) - last[1])


def errors(wanted: Sequence[str], heard: Sequence[str]) -> int:
    """Return the words that were changed, lost or invented (Levenshtein)."""
    return _distances(wanted, heard)[-1][-1]


def _alike(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) >= 3 and (one.startswith(other) or other.startswith(one)))


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
