"""What is said beside a yes or a no at a confirmation, and a yes or a no that is none."""

import pytest
from tests.planner.conversation import Conversation

from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.slots import behind_answer, yes_or_no

MORE = "Is there anything else I can help with?"
HOURS = "Our parcel shops are open from eight in the morning until eight in the evening, Monday to Saturday."
WISH = "I want to change the delivery day of parcel 456721 to Friday"
FRIDAY = "Shall I move parcel 4 5 6 7 2 1 to Friday, November twenty-seventh?"
MOVED = '[reschedule {"day": "2026-11-27", "parcel_number": "456721"}]'
DROPPED = "All right, I will not do that."
ASK_DAY, ASK_NUMBER = "Which day suits you?", "What is the six digit parcel number?"
OTHER = "Sorry, what should it be?"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("yes, and are you open on Sunday?", f"{HOURS} {MOVED}"),
        ("yes please. What are your opening hours?", f"{HOURS} {MOVED}"),
        ("No, and are you open on Sunday?", f"{DROPPED} {HOURS} {MORE}"),
        ("no thanks, where is my parcel", f'{DROPPED} [parcel-status {{"parcel_number": "456721"}}]'),
        ("wait, are you open on Sunday", f"{HOURS} {MORE}"),
        ("no, can it be Sunday", "Shall I move parcel 4 5 6 7 2 1 to Sunday, November twenty-ninth?"),
        ("no, Thursday please", "Shall I move parcel 4 5 6 7 2 1 to Thursday, November twenty-sixth?"),
        ("yes, but on Saturday", "Shall I move parcel 4 5 6 7 2 1 to Saturday, November twenty-eighth?"),
        ("yes but the number is wrong", f"{OTHER} {ASK_NUMBER}"),
        ("yes, but only if it costs nothing", f"Sorry, I did not get that. {FRIDAY}"),
        ("yes, Friday is fine", MOVED),
        ("no wait, actually yes", MOVED),
        ("yes, thank you, bye", MOVED),
        ("no thank you, goodbye", "Thank you for calling. Goodbye. [hang up goodbye]"),
        ("yes and no", f"Sorry, I did not get that. {FRIDAY}"),
        ("no, sorry, yes please", MOVED),
        ("no, later", f"{OTHER} {ASK_DAY}"),
        ("that's too late", f"{OTHER} {ASK_DAY}"),
        ("can it be earlier", f"{OTHER} {ASK_DAY}"),
        ("change the number", f"{OTHER} {ASK_NUMBER}"),
        ("no, the other parcel", f"{OTHER} {ASK_NUMBER}"),
    ],
)
def test_a_caller_gets_what_was_said_and_nothing_that_was_not(planner: FlowPlanner, text: str, reply: str) -> None:
    talk = Conversation(planner)
    assert talk.say(WISH) == FRIDAY
    assert talk.say(text) == reply


@pytest.mark.parametrize(
    ("text", "answer", "behind"),
    [
        ("yes, and are you open on Sunday?", True, "are you open on Sunday?"),
        ("no, no, please, where is it", False, "where is it"),
        ("yes", True, ""),
        ("no wait, yes", True, ""),
        ("on Friday", None, "on Friday"),
        ("no, that is not right, yes I am sure", False, ""),
    ],
)
def test_what_stands_behind_a_yes_or_no_is_found(text: str, answer: bool | None, behind: str) -> None:
    assert yes_or_no(text) is answer
    if behind:
        assert behind_answer(text) == behind
