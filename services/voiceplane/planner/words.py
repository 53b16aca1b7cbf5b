"""The caller's words as a planner reads them, without what a recognizer adds. Pure. Used by flow.py and model.py."""

import re

from voiceplane.contract.dialogue import CallerSaid

MIN_CONFIDENCE = 0.2  # mean word probability below which the words are a guess
MAX_WORDS = 600  # characters of a turn that are read: about a minute of speech
_NOISE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪[^♪]*♪?")  # a recognizer's notes: [BLANK_AUDIO], (music)


def heard_words(said: CallerSaid) -> str:
    """Return the caller's words without a recognizer's notes; "" where there are none, or they are a guess."""
    text = " ".join(_NOISE.sub(" ", said.text[:MAX_WORDS]).split())
    return text if re.search(r"\w", text) and said.confidence >= MIN_CONFIDENCE else ""
