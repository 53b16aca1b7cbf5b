"""Say which words of a growing transcript will not change any more: those that two decodes in a row agree on. Pure.

LocalAgreement-2 (Macháček and others 2023, arXiv 2307.14743) on normalised words; a word once stable stays so.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stable:
    """The last decode, how many of its words are stable, and what the flicker was so far."""

    words: tuple[str, ...] = ()
    stable: int = 0
    changed: int = 0  # words shown that a later decode changed, each stable one of them once
    contradicted: frozenset[int] = frozenset()  # places of stable words that a later decode had otherwise

    @property
    def whole(self) -> bool:
        """Say whether every word is stable."""
        return bool(self.words) and self.stable == len(self.words)

    @property
    def text(self) -> str:
        """Return the words as text."""
        return " ".join(self.words)


def plain(word: str) -> str:
    """Return a word without case and punctuation."""
    return re.sub(r"[^\w']", "", word.lower())


def plain_text(text: str) -> str:
    """Return a text without case, punctuation and double spaces: two that are equal mean the same."""
    return " ".join(filter(None, map(plain, text.split())))


def extend(before: Stable, words: tuple[str, ...]) -> Stable:
    """Take the next decode of the same utterance; stable words stay as they were, whatever it makes of them."""
    kept = before.stable
    agreed = kept
    for old, new in zip(before.words[kept:], words[kept:], strict=False):
        if plain(old) != plain(new):
            break
        agreed += 1
    now = {place for place in range(kept) if place >= len(words) or plain(words[place]) != plain(before.words[place])}
    changed = before.changed + len(before.words) - agreed + len(now - before.contradicted)
    return Stable(before.words[:kept] + words[kept:], agreed, changed, before.contradicted | now)


SHORTEST_S = 0.18  # frames come every 20 ms: a partial that misses one by a hair comes with the next, after 200
SHARE = 0.6  # of the time between two partials, that a decode may take
USUAL_S = 0.2  # a decode that takes longer waits for others: partials give way to their turns
LEAST_SHARE = 0.5  # of the share, under load
DIGITS_SHARE = 0.2  # of a dictated number's, beside other calls: half a number begins no reply
ALONE_S = 0.12  # a decode takes no longer on a machine that has nothing else to do
BESIDE_S = 0.16


def next_partial_s(latency_s: float, *, digits: bool = False) -> float:
    """Return the time between two partials, in seconds: decodes take their share of it at most, less under load."""
    share = SHARE
    if digits:
        beside = (latency_s - ALONE_S) / (BESIDE_S - ALONE_S)
        share -= (SHARE - DIGITS_SHARE) * min(1.0, max(0.0, beside))
    if latency_s > USUAL_S:
        share *= max(LEAST_SHARE, USUAL_S / latency_s)
    return max(SHORTEST_S, latency_s / share)
