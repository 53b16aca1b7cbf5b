"""A wish said in one breath with its number: the number says nothing about the wish and must not hide it."""

import pytest
from tests.planner.conversation import Conversation
from tests.planner.test_dialogues import CALL, FOUND

from voiceplane.planner.digits import without_numbers
from voiceplane.planner.flow import FlowPlanner


@pytest.mark.parametrize(
    "text",
    [
        "track parcel four five two two one zero",
        "track parcel four five double two one oh",
        "track parcel number 4 5 2 2 1 0",
        "track package forty-five twenty-two ten",
        "where is my package four five two two one zero",
        "where is my parcel, 45 22 10",
        "has my order shipped four five two two one zero",
        "four five two two one zero where is my parcel",
        "my number is four five two, two one zero, when will my delivery arrive",
    ],
)
def test_a_spoken_number_does_not_hide_the_wish(text: str, planner: FlowPlanner) -> None:
    assert Conversation(planner).say(text) == CALL


def test_a_number_after_the_answer_is_still_the_next_one(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    talk.say("where is parcel 452219")
    talk.tool(FOUND)
    assert talk.say("and what about four five two two one zero") == CALL


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("where is 452210", "where is"),
        ("track four five double two, one oh please", "track please"),
        ("forty-five twenty-two ten", ""),
        ("I have two parcels for one person", "I have two parcels for one person"),
        ("on the 5th of December", "on the 5th of December"),
        ("open at 9 or 10", "open at 9 or 10"),
        ("to or for", "to or for"),
        ("", ""),
    ],
)
def test_only_stretches_of_digits_are_left_out(text: str, left: str) -> None:
    assert without_numbers(text) == left
