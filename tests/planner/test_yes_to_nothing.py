"""What begins like a yes where nothing was asked: half a sentence, as far as anybody can tell."""

import pytest
from tests.planner.talking import asked

from voiceplane.contract.dialogue import DialogueState, Done, Say, understood
from voiceplane.planner import slots
from voiceplane.planner.flow import FlowPlanner

MORE = DialogueState(last_reply="Done. Is there anything else I can help with?")


def told(planner: FlowPlanner, text: str, state: DialogueState) -> tuple[str, bool | None]:
    """Return what the planner says to a text, and whether it counts as understood."""
    events = list(planner.reply(asked(text, state)))
    done = events[-1]
    assert isinstance(done, Done)
    return " ".join(event.text for event in events if isinstance(event, Say)), understood(state, done)


@pytest.mark.parametrize(
    "text", ["yes", "Yes, please.", "oh yes", "okay, sure", "yes, thank you", "yes, hello", "Sure"]
)
def test_a_plain_yes_is_understood_also_where_nothing_was_asked(text: str, planner: FlowPlanner) -> None:
    assert slots.plainly_yes(text)
    assert told(planner, text, DialogueState()) == ("Sure. What can I do for you?", True)


@pytest.mark.parametrize("text", ["please put it", "Good son one", "good you", "right behind the"])
def test_half_a_sentence_that_begins_like_a_yes_is_not_understood_yet(text: str, planner: FlowPlanner) -> None:
    assert not slots.plainly_yes(text)
    assert told(planner, text, DialogueState()) == ("Sure. What can I do for you?", False)


def test_what_begins_like_a_yes_answers_whether_anything_else_is_wanted(planner: FlowPlanner) -> None:
    assert told(planner, "please do so", MORE) == ("Sure. What can I do for you?", True)


@pytest.mark.parametrize("text", ["", "no", "hello", "thank you", "Friday"])
def test_what_does_not_begin_like_a_yes_is_no_plain_one(text: str) -> None:
    assert not slots.plainly_yes(text)
