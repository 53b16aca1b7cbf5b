"""The dialogue's state as far as the caller has heard it: what was planned is not what was said. For call.talk. Pure.

What the caller said and what was done stay. But a yes can only answer a question that was heard.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voiceplane.call.attempt import Event
from voiceplane.contract.dialogue import DialogueState, Done, Say

_TAIL = frozenset("is that right correct".split())  # "Is that right?" behind a value: the question without it is heard


@dataclass(frozen=True, slots=True)
class Planned:
    """A reply as the planner made it: the state it leads to, and its words."""

    before: DialogueState
    after: DialogueState
    words: tuple[str, ...] = ()


def planned(before: DialogueState, events: Sequence[Event]) -> Planned:
    """Return what a reply has planned so far; while it has not said its state, there is none but the old one."""
    after, words = before, []
    for event in events:
        if isinstance(event, Done):
            after = event.state
        elif isinstance(event, Say):
            words += event.text.split()
    return Planned(before, after, tuple(words))


def as_heard(reply: Planned, heard: str, *, whole: bool) -> DialogueState:
    """Return the state with which the caller goes on; `heard` may hold bridging phrases beside the reply's words."""
    before, after = reply.before, reply.after
    count = len(reply.words) if whole else _heard_words(reply.words, heard)
    rest = reply.words[count:]
    was_asked = bool(before.asking or before.confirming or before.confirming_slot)
    if not rest or (was_asked and before.last_reply == after.last_reply):  # an aside, or the same question again
        return replace(after, unheard="")
    after = replace(after, last_reply=" ".join(reply.words[:count]), unheard=" ".join(rest))
    if {_plain(word) for word in rest} <= _TAIL:
        return after
    return replace(after, confirming=False, confirming_slot="")


def _heard_words(words: tuple[str, ...], heard: str) -> int:
    """Count how many of a reply's words were heard: they come in order, bridges between them."""
    count = 0
    for word in heard.split():
        if count < len(words) and _plain(word) == _plain(words[count]):
            count += 1
    return count


def _plain(word: str) -> str:
    return re.sub(r"\W", "", word.lower())
