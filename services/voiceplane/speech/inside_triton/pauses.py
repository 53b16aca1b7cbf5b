"""Give every phrase the pauses that its marks ask for. Pure: pieces of a phrase in and out. Used by voice.

Piper's own, measured on 43 phrases, are the wrong way round: 188 ms in the median behind a sentence (111 to 286), 238
behind a comma (188 to 311).
"""

import numpy as np

SENTENCE_S = 0.22  # no more: a caller who answers at once would speak over its end
CLAUSE_S = 0.15  # behind a comma; also the longest silence inside a phrase: a stop consonant's is 0.13 s at most
BLOCK_S = 0.005
ONSET_BLOCKS = 4  # kept in front of a sound: soft consonants are below what counts as one
_CLOSING = "\"')]}\u201d\u2019 "


def pause_s(phrase):
    """Return the silence that belongs behind a phrase."""
    return CLAUSE_S if phrase.rstrip(_CLOSING).endswith(",") else SENTENCE_S


def sounds(samples, rate, least):
    """Say for each whole block whether its level is above `least`."""
    size = int(BLOCK_S * rate)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return np.sqrt(np.mean(blocks**2, axis=1)) > least


class Pauses:
    """Shortens the silences inside one phrase and makes the one behind it as long as it should be."""

    def __init__(self, rate, speed, least):
        """Take samples of this rate; a fast voice pauses shorter, what is below `least` is silence."""
        self._rate, self._speed, self._least = rate, speed, least
        self._size = int(BLOCK_S * rate)
        self._most = max(ONSET_BLOCKS, round(CLAUSE_S / speed / BLOCK_S))  # blocks
        self._part = np.zeros(0, np.float32)  # of a block
        self._held = []  # newest blocks of a silence that is too long already
        self._quiet = 0  # blocks since the last sound
        self._taken = 0  # samples of the phrase that were decided on
        self._cuts = []  # where a block was left out, in samples of the phrase
        self._words = []

    def push(self, samples, words):
        """Return the samples that are sure, and the words that end in them, with their times as they are now."""
        self._words += words
        whole = np.concatenate([self._part, samples])
        out = []
        for at, sound in enumerate(sounds(whole, self._rate, self._least)):
            block = whole[at * self._size : (at + 1) * self._size]
            self._quiet = 0 if sound else self._quiet + 1
            if sound:
                out += [*self._held, block]
                self._held = []
            elif self._quiet <= self._most - ONSET_BLOCKS:
                out.append(block)
            else:
                self._held.append(block)
                if len(self._held) > ONSET_BLOCKS:
                    out_of = self._taken - ONSET_BLOCKS * self._size
                    self._cuts.append(out_of)
                    del self._held[0]
            self._taken += self._size
        self._part = whole[len(whole) // self._size * self._size :]
        decided_ms = (self._taken - len(self._held) * self._size) * 1000 / self._rate
        return np.concatenate([np.zeros(0, np.float32), *out]), self._ended(decided_ms)

    def finish(self, phrase):
        """Return the silence that is lacking behind the phrase, and the words that are left."""
        given = min(self._quiet, self._most - ONSET_BLOCKS) * self._size
        lacking = round(pause_s(phrase) / self._speed * self._rate) - given
        return np.zeros(max(0, lacking), np.float32), self._ended(float("inf"))

    def _ended(self, until_ms):
        ended = [word for word in self._words if word[2] <= until_ms]
        del self._words[: len(ended)]
        return [[word, self._moved(start), self._moved(end)] for word, start, end in ended]

    def _moved(self, ms):
        at = ms * self._rate / 1000
        left_out = sum(min(self._size, max(0.0, at - cut)) for cut in self._cuts)
        return (at - left_out) * 1000 / self._rate
