"""A day that the caller leaves open is chosen and confirmed, or asked for: never guessed."""

import datetime

import pytest
from tests.planner.conversation import Conversation

from voiceplane.contract.agent import Intent, Slot, SlotType, VoiceAgentSpec
from voiceplane.contract.load import Bundle
from voiceplane.planner import any_day
from voiceplane.planner.dates import find_date, without_days
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.planner.phrases import NAME_A_DAY

MONDAY = datetime.date(2026, 11, 23)
TOMORROW = "2026-11-24"
ASK_DAY = "Which day suits you?"
WISH = "I want to change the delivery day of parcel 456721"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("any day", TOMORROW), ("as soon as possible", TOMORROW), ("whenever", TOMORROW), ("I don't care", TOMORROW),
        ("the earliest you have", TOMORROW), ("the first available day", TOMORROW), ("you choose", TOMORROW),
        ("the first one you have", TOMORROW), ("weekdays only", TOMORROW), ("any day but Friday", TOMORROW),
        ("any day except the weekend", TOMORROW), ("before Friday", TOMORROW), ("any time", TOMORROW),
        ("anything but tomorrow", "2026-11-25"), ("after Wednesday", "2026-11-26"),
        ("not before Thursday", "2026-11-26"), ("this weekend", "2026-11-28"), ("next weekend", "2026-12-05"),
        ("next week some time", "2026-11-30"), ("early next week", "2026-11-30"), ("not this week", "2026-11-30"),
        ("any day next week but not Monday", "2026-12-01"), ("the middle of next week", "2026-12-02"),
        ("the end of next week", "2026-12-04"), ("the week after next", "2026-12-07"),
        ("any day after the first of December", "2026-12-02"), ("not Friday, any other day", TOMORROW),
    ],
)  # fmt: skip
def test_the_first_day_that_suits_is_chosen_where_the_caller_names_none(text: str, iso: str) -> None:
    assert find_date(text, MONDAY) is None
    chosen = any_day.earliest(text, MONDAY)
    assert chosen is not None
    assert chosen.isoformat() == iso


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("a week on Thursday", "2026-12-03"), ("two weeks on Friday", "2026-12-11"), ("in a fortnight", "2026-12-07"),
        ("Wednesday fortnight", "2026-12-09"), ("the Monday after next", "2026-12-07"),
        ("a week tomorrow", "2026-12-01"),
        ("a week from next Monday", "2026-12-07"), ("two weeks after December third", "2026-12-17"),
        ("Friday of next week", "2026-12-04"), ("next week Friday", "2026-12-04"),
        ("next week on Friday", "2026-12-04"),
        ("the day before Friday", "2026-11-26"), ("the day after Friday", "2026-11-28"),
        ("two days before Friday", "2026-11-25"), ("Christmas Eve", "2026-12-24"),
        ("the day after Christmas", "2026-12-26"),
        ("Friday the twenty-seventh", "2026-11-27"),
        ("the last day of the month", "2026-11-30"), ("the last day of next month", "2026-12-31"),
    ],
)  # fmt: skip
def test_a_day_that_is_named_by_another_is_that_day(text: str, iso: str) -> None:
    found = find_date(text, MONDAY)
    assert found is not None
    assert found.isoformat() == iso


@pytest.mark.parametrize(
    "text",
    [
        "in the afternoon",
        "later",
        "the end of the month",
        "what days do you have",
        "not on Friday",
        "a day later",
        "last Friday",
        "Friday the thirteenth",
        "I can't do Friday",
    ],
)
def test_what_says_too_little_of_a_day_is_no_day(text: str) -> None:
    assert find_date(text, MONDAY) is None
    assert any_day.earliest(text, MONDAY) is None


@pytest.mark.parametrize("text", ["four five six", "no", "where is my parcel", "I like turtles", "hello"])
def test_other_words_choose_no_day(text: str) -> None:
    assert any_day.earliest(text, MONDAY) is None and not any_day.leaves_open(text)


def test_a_calendar_that_ends_has_no_day_to_choose() -> None:
    assert any_day.earliest("any day", datetime.date.max) is None
    assert any_day.earliest("next week", datetime.date.max) is None


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("are you open on Sunday", "are you open"),
        ("can it be next Friday", "can it be"),
        ("hello there", "hello there"),
    ],
)
def test_a_text_is_read_without_its_days(text: str, bare: str) -> None:
    assert without_days(text) == bare


def test_the_chosen_day_is_said_before_anything_is_done(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    assert talk.say(WISH) == ASK_DAY
    assert talk.say("as soon as possible") == "Shall I move parcel 4 5 6 7 2 1 to Tuesday, November twenty-fourth?"
    assert talk.say("no, next week") == "Shall I move parcel 4 5 6 7 2 1 to Monday, November thirtieth?"
    assert talk.say("yes") == '[reschedule {"day": "2026-11-30", "parcel_number": "456721"}]'


def test_who_leaves_the_day_open_is_asked_for_one_with_an_example(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    talk.say(WISH)
    assert talk.say("in the afternoon") == f"{NAME_A_DAY} {ASK_DAY}"
    assert talk.say("Friday afternoon") == "Shall I move parcel 4 5 6 7 2 1 to Friday, November twenty-seventh?"


@pytest.mark.parametrize("text", ["can it be Sunday", "can you make it Sunday"])
def test_a_question_with_a_day_answers_which_day(planner: FlowPlanner, text: str) -> None:
    talk = Conversation(planner)
    talk.say(WISH)
    assert talk.say(text) == "Shall I move parcel 4 5 6 7 2 1 to Sunday, November twenty-ninth?"
    assert "Saturday, November twenty-eighth" in talk.say("can it be Saturday")
    assert talk.say("are you open on Sunday").startswith("Our parcel shops are open")


def test_an_agent_that_confirms_nothing_confirms_a_day_that_it_chose(bundle: Bundle, embedder: Embedder) -> None:
    slot = Slot(name="day", type=SlotType.DATE, ask=ASK_DAY)
    visit = Intent(
        name="visit", examples=("book a visit",), slots=(slot,), tool="reschedule", reply="See you on {day}."
    )
    spec: VoiceAgentSpec = bundle.agent.spec.model_copy(update={"intents": (visit,)})
    talk = Conversation(FlowPlanner(spec, Understanding(spec, embedder)))
    assert talk.say("book a visit") == ASK_DAY
    assert talk.say("whenever") == "I have Tuesday, November twenty-fourth. Is that right?"
    assert talk.say("no, not before Thursday") == "I have Thursday, November twenty-sixth. Is that right?"
    assert talk.say("yes") == '[reschedule {"day": "2026-11-26"}]'


def test_a_day_that_is_said_before_it_is_asked_for_is_kept(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    assert talk.say("I want to change the delivery day") == "What is the six digit parcel number?"
    assert talk.say("Friday") == "What is the six digit parcel number?"
    assert talk.say("456721") == "Shall I move parcel 4 5 6 7 2 1 to Friday, November twenty-seventh?"


def test_an_open_day_in_the_wish_is_taken_where_it_is_confirmed(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    assert (
        talk.say("deliver parcel 456721 next week") == "Shall I move parcel 4 5 6 7 2 1 to Monday, November thirtieth?"
    )
