"""The heard ledger of one call: which words of the agent's turn have left, and which of those arrived. Used by playout.

What left is heard, until a receiver report of the far end (RFC 3550 section 6.4.1) proves that it did not arrive: the
report is younger than the packet's way there and the report's way back, and the packet is beyond the highest that
arrived. A report can only take words away that no earlier one proved; it is not believed before one was up to date,
which shows that it numbers packets as we do. Positions are samples of the turn.
"""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from voiceplane.media.ports import Heard

WORD_SLACK_MS = 40  # a word whose last 40 ms were cut, or of which so much was lost, was heard
MAX_PACKETS = 3000  # a minute: a report about older ones comes too late for anybody
MAX_HOLES = 32  # stretches of lost packets in that minute; forgetting one only gives words back
SEQUENCES = 65536


@dataclass(frozen=True, slots=True)
class LedgerWord:
    """A word of the turn by its place."""

    text: str
    start: float
    end: float
    heard: float  # once so much has left, it was heard

    def scaled(self, ratio: float) -> "LedgerWord":
        """Return it at another sample rate."""
        return LedgerWord(self.text, self.start * ratio, self.end * ratio, self.heard * ratio)


@dataclass(frozen=True, slots=True)
class Departure:
    """A packet that left: its number in the stream, when (in ticks of 20 ms), and which part of which turn it had."""

    sequence: int
    tick: int
    turn: int
    start: float
    end: float


class Ledger:
    """Not locked: playout does that."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.words: list[LedgerWord] = []
        self.sent = 0  # the farthest position of this turn that left
        self.at = 0  # the position that left last: behind `sent` while a word is said again
        self.cut = False
        self._departures: deque[Departure] = deque(maxlen=MAX_PACKETS)
        self._proved = -1  # the highest packet that a report has shown to have arrived
        self._believed = False
        self._open: tuple[int, int] | None = None  # packets that the newest report proves lost
        self._holes: deque[tuple[int, int]] = deque(maxlen=MAX_HOLES)

    def begin(self) -> None:
        """Begin a turn; packets of earlier ones are still reported on."""
        self.words.clear()
        self.sent = self.at = 0
        self.cut = False

    def scale(self, ratio: float) -> None:
        """Follow a change of the sample rate."""
        self.words = [word.scaled(ratio) for word in self.words]
        self.sent, self.at = round(self.sent * ratio), round(self.at * ratio)
        scaled = [replace(packet, start=packet.start * ratio, end=packet.end * ratio) for packet in self._departures]
        self._departures = deque(scaled, maxlen=MAX_PACKETS)

    def left(self, packet: Departure, position: int | None) -> None:
        """Enter a packet; `position` is where this turn's sound stands after it, None for another turn's."""
        self._departures.append(packet)
        if position is not None:
            self.at = position
            self.sent = max(self.sent, position)

    def truncate(self, end: int) -> None:
        """Forget the words that will not be said to their end."""
        kept = [word for word in self.words if word.heard <= end]
        self.cut = self.cut or len(kept) < len(self.words)
        self.words = kept

    def cut_word(self, position: int) -> LedgerWord | None:
        """Return the first word that was not heard when the sound ended at a position."""
        return next((word for word in self.words if word.heard > position), None)

    def last_end(self, position: int) -> float:
        """Return where the last word that was heard up to a position truly ends."""
        return max((word.end for word in self.words if word.heard <= position), default=0.0)

    def reported(self, highest: int, due: int) -> None:
        """Take a report: `highest` (16 bits) is the farthest packet that arrived, those up to tick `due` could have."""
        if not self._departures:
            return
        newest = self._departures[-1].sequence
        highest = newest - (newest - highest) % SEQUENCES  # cycles are not trusted: a receiver may have come late
        if highest < max(self._proved, self._departures[0].sequence):
            return
        self._proved = highest
        missing = next((each.sequence for each in reversed(self._departures) if each.tick <= due), None)
        if missing is None:
            return
        was, self._open = self._open, None
        if was is not None and highest > was[1]:
            self._holes.append(was)
        elif was is not None:
            missing = max(missing, was[1])
        if highest >= missing:
            self._believed = True
        elif self._believed:
            self._open = (highest + 1, missing)

    def heard(self, turn: int, rate: int) -> Heard:
        """Return the words of this turn that have left and are not known to be lost."""
        per_ms = rate / 1000
        missing = self._missing(turn, per_ms)
        words = [
            word.text
            for word in self.words
            if word.heard <= self.sent
            and missing[int(word.start / per_ms) : int(word.end / per_ms)].sum() <= WORD_SLACK_MS
        ]
        return Heard(" ".join(words), self.sent, not self.cut and len(words) == len(self.words))

    def _missing(self, turn: int, per_ms: float) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Return for each millisecond of the turn whether it left only in packets that are known to be lost."""
        holes = [*self._holes, *((self._open,) if self._open else ())]
        missing = np.zeros(int(self.sent / per_ms) + 1 if holes else 0, dtype=np.bool_)
        arrived = missing.copy()
        for packet in self._departures if holes else ():
            if packet.turn == turn:
                lost = any(first <= packet.sequence <= last for first, last in holes)
                (missing if lost else arrived)[int(packet.start / per_ms) : int(packet.end / per_ms)] = True
        return missing & ~arrived
