"""Say whether two ways of writing down a turn are the same words, and two replies the same. Pure; for call.replies.

Only what cannot mean anything else counts as the same words; about the rest the planner is asked.
"""

import re
from dataclasses import replace

from voiceplane.contract.dialogue import Done, ReplyEvent
from voiceplane.planner.digits import spoken_as_digits
from voiceplane.turn.stability import plain_text

_LONG = (
    (re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\b(where|what|how|that|there|here|it|who|when|she|he)'s\b"), r"\1 is"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
)


def words(text: str) -> str:
    """Return a text without case, punctuation and contractions, its dictated digits as digits."""
    text = text.lower().replace("’", "'")
    for short, long in _LONG:
        text = short.sub(long, text)
    return plain_text(spoken_as_digits(text))


def same_reply(one: tuple[ReplyEvent, ...], other: tuple[ReplyEvent, ...]) -> bool:
    """Say whether the planner answered the same, however sure it was."""
    return _unsure(one) == _unsure(other)


def _unsure(events: tuple[ReplyEvent, ...]) -> tuple[ReplyEvent, ...]:
    return tuple(replace(event, confidence=0.0) if isinstance(event, Done) else event for event in events)
