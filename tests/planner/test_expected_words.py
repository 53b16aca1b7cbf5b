"""Words that the agent waits for, nearly to the letter: the end of turn asks for little silence behind them."""

import pytest
from tests.planner.talking import asked

from voiceplane.contract.dialogue import DialogueState, Done, expected, understood
from voiceplane.planner.flow import FlowPlanner

ASKED_DAY = DialogueState(intent="change-delivery-day", slots=(("parcel_number", "731004"),), asking="day")


def told(planner: FlowPlanner, text: str, state: DialogueState) -> tuple[bool | None, bool]:
    """Return whether the planner understands a text, and whether it waited for such words."""
    done = list(planner.reply(asked(text, state)))[-1]
    assert isinstance(done, Done)
    return understood(state, done), expected(state, done)


@pytest.mark.parametrize("text", ["where is my parcel", "Where is my parcel?", "I want to change the delivery day."])
def test_a_wish_in_the_words_of_an_example_is_expected(text: str, planner: FlowPlanner) -> None:
    assert told(planner, text, DialogueState()) == (True, True)


@pytest.mark.parametrize("text", ["on Friday, please", "Friday"])
def test_the_answer_to_what_was_asked_is_expected(text: str, planner: FlowPlanner) -> None:
    assert told(planner, text, ASKED_DAY) == (True, True)


@pytest.mark.parametrize(
    "text", ["my parcel was to come on the end", "what happens with my parcel when I am not at home"]
)
def test_a_wish_in_other_words_is_understood_and_not_expected(text: str, planner: FlowPlanner) -> None:
    assert told(planner, text, DialogueState()) == (True, False)


@pytest.mark.parametrize("text", ["let me see", "leave it with the neighbor", "hello"])
def test_words_that_do_not_bring_the_dialogue_on_are_not_expected(text: str, planner: FlowPlanner) -> None:
    assert told(planner, text, ASKED_DAY)[1] is False
    assert told(planner, text, DialogueState())[1] is False


def test_words_that_mean_nothing_are_neither(planner: FlowPlanner) -> None:
    assert told(planner, "note sent you", DialogueState()) == (False, False)
