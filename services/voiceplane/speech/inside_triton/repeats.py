"""Find and undo a recognizer's loop: "when are you open? when are you open?" from audio that has one of them. Pure."""

import re

WORDS_PER_S = 4.5  # faster than people talk on the phone (about 2.5); what exceeds it was not said
TOKENS_PER_S = 7
SHORTEST_MS = 60  # of a word among others: the fastest speech has about 120
LAST_MS = 45  # before the audio's end no word begins
SLACK = 1  # word: a short "yes" has little voiced time


def most_tokens(voiced_s):
    """Return how many tokens so much speech can hold: a loop is cut there instead of at 448."""
    return 12 + int(TOKENS_PER_S * voiced_s)


def loop(words):
    """Return (first word, words in one copy, copies) of a repetition that ends the text, or None.

    The last copy may be cut short. One word said twice ("no no", "seven seven") is no loop, three times it may be.
    """
    plain = [re.sub(r"[^a-z0-9]", "", word.lower()) for word in words]
    for start in range(len(plain)):
        for unit in range(1, (len(plain) - start) // 2 + 1):
            head, copies = plain[start : start + unit], 1
            while plain[start + copies * unit : start + (copies + 1) * unit] == head:
                copies += 1
            rest = plain[start + copies * unit :]
            if copies >= (3 if unit == 1 else 2) and len(rest) < unit and rest == head[: len(rest)]:
                return start, unit, copies
    return None


def without_loop(words, voiced_s):
    """Return how many of the words to keep: all, unless they repeat themselves faster than one can speak."""
    room = SLACK + int(WORDS_PER_S * voiced_s)
    found = loop(words)
    if found is None or len(words) <= room:
        return len(words)
    start, unit, copies = found
    return start + min(copies, max(1, (room - start) // unit)) * unit


def spoken_words(words, audio_ms):
    """Return how many of the words [text, start_ms, end_ms, ...] to keep: invented ones crowd at the audio's end."""
    for first, word in enumerate(words):
        count, room = len(words) - first, words[-1][2] - word[1]
        crowded = word[1] >= audio_ms - LAST_MS or room < SHORTEST_MS * count
        if count > 1 and crowded:
            return first
    return len(words)
