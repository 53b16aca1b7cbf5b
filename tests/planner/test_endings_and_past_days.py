"""Answers that finish what was asked, and days that are over."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.contract.agent import Slot, SlotType
from voiceplane.planner import filling, slots
from voiceplane.planner.dates import find_date

MONDAY = datetime.date(2026, 11, 23)
NUMBER = Slot(name="number", type=SlotType.DIGITS, length=6, ask="Which?")


@pytest.mark.parametrize(
    ("partial", "text", "known"),
    [
        ("45221", "the last digit is 0", {"number": "452210"}),  # it answers "What is the other digit?"
        ("45221", "the last one is zero", {"number": "452210"}),
        ("45221", "the final digit is oh", {"number": "452210"}),
        ("4522", "the last two are one zero", {"number": "452210"}),
        ("4522", "last two digits 1 0", {"number": "452210"}),
        ("45221", "no, the last digit is 7", {"number.partial": "45227"}),  # it puts right what was read back
        ("45221", "sorry, the last one is a seven", {"number.partial": "45227"}),
        ("4522", "the last digit is 7", {"number.partial": "4527"}),  # two are missing: it can be only the last said
        ("45221", "the first digit is 9", {"number.partial": "95221"}),
        ("452", "two one nine, no, two one zero", {"number": "452210"}),  # puts right what it said itself
        ("452", "219, sorry, 210", {"number": "452210"}),
        ("452", "452, no, 453", {"number.partial": "453"}),  # said once more to be put right
        ("452", "219, no, 452210", {"number": "452210"}),
    ],
)
def test_the_last_digits_are_the_missing_ones_unless_something_is_put_right(
    partial: str, text: str, known: dict[str, str]
) -> None:
    answer = filling.read(
        NUMBER, text, {"number.partial": partial}, locale=slots.Locale(MONDAY), nearest=lambda *_: None
    )
    assert answer is not None
    assert answer.known == known


@pytest.mark.parametrize("text", ["2020-01-01", "2026-11-22", "12/05/2020", "December 4th, 2020", "5/5/05", "31.12.25"])
def test_a_day_that_is_over_is_none(text: str) -> None:
    assert find_date(text, MONDAY) is None


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("from Friday to Monday", "2026-11-30"),
        ("move it from Friday to next Tuesday", "2026-12-01"),
        ("from the 27th to the 30th", "2026-11-30"),
        ("from December third to December fifth", "2026-12-05"),
        ("a week from Friday", "2026-12-04"),
        ("two weeks from now", "2026-12-07"),
    ],
)
def test_a_day_is_moved_to_where_it_goes(text: str, iso: str) -> None:
    found = find_date(text, MONDAY)
    assert found is not None
    assert found.isoformat() == iso


@pytest.mark.parametrize("text", ["any day but Friday", "anything but Friday", "every day but tomorrow"])
def test_a_day_that_is_shut_out_is_none(text: str) -> None:
    assert find_date(text, MONDAY) is None


@pytest.mark.parametrize(
    "text",
    [
        "I don't know",
        "hmm, I don't know",
        "I do not remember",
        "not sure",
        "I'm not sure",
        "I am not sure",
        "no idea",
        "I don't understand",
    ],
)
def test_who_does_not_know_has_not_said_no(text: str) -> None:
    assert slots.yes_or_no(text) is None


@pytest.mark.parametrize(
    "text", ["I am not", "I'm not", "it does not", "that does not work", "that doesn't work", "I do not"]
)
def test_a_yes_that_is_taken_back_is_a_no(text: str) -> None:
    assert slots.yes_or_no(text) is False


WRITTEN = st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%B %d, %Y"])
THIS_CENTURY = st.dates(datetime.date(2000, 1, 1), datetime.date(2090, 1, 1))


@given(THIS_CENTURY, st.dates(), WRITTEN)
def test_no_day_before_today_is_ever_found(day: datetime.date, today: datetime.date, form: str) -> None:
    found = find_date(day.strftime(form), today)
    assert found == (day if day >= today else None)
