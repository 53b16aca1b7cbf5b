"""Dates, names, choices, yes and no: read from words and written for the ear."""

import datetime

import pytest

from voiceplane.contract.agent import Slot, SlotType
from voiceplane.planner import slots
from voiceplane.planner.dates import find_date, spoken

MONDAY = datetime.date(2026, 11, 23)
LOCALE = slots.Locale(MONDAY)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("today", "2026-11-23"), ("tonight", "2026-11-23"), ("this afternoon", "2026-11-23"),
        ("tomorrow please", "2026-11-24"),
        ("tomorrow morning", "2026-11-24"), ("the day after tomorrow", "2026-11-25"), ("next Friday", "2026-12-04"),
        ("this Friday", "2026-11-27"), ("on Friday", "2026-11-27"), ("Friday would be good", "2026-11-27"),
        ("this coming Saturday", "2026-11-28"), ("how about Wednesday?", "2026-11-25"), ("next Monday", "2026-11-30"),
        ("monday", "2026-11-30"), ("Thurs", "2026-11-26"), ("Friday week", "2026-12-04"),
        ("a week from Friday", "2026-12-04"),
        ("December third", "2026-12-03"), ("December the 3rd", "2026-12-03"), ("the third of December", "2026-12-03"),
        ("3 December", "2026-12-03"), ("December 3", "2026-12-03"), ("Dec. 4", "2026-12-04"),
        ("Sept 1st", "2027-09-01"),
        ("December 4th, 2027", "2027-12-04"), ("December twenty first", "2026-12-21"),
        ("december twenty one", "2026-12-21"),
        ("the twenty-third", "2026-11-23"), ("the 5th", "2026-12-05"), ("the fifth", "2026-12-05"),
        ("fifth", "2026-12-05"),
        ("on the 30th please", "2026-11-30"), ("the thirty first", "2026-12-31"), ("12/05", "2026-12-05"),
        ("12/5/2026", "2026-12-05"),
        ("12.05.26", "2026-12-05"), ("31/12", "2026-12-31"), ("2026-12-05", "2026-12-05"),
        ("in three days", "2026-11-26"),
        ("in 2 weeks", "2026-12-07"), ("in a week", "2026-11-30"), ("a week from today", "2026-11-30"),
        ("two weeks from now", "2026-12-07"),
        ("in a couple of days", "2026-11-25"), ("three days after tomorrow", "2026-11-27"),
        ("the third of next month", "2026-12-03"),
        ("January 2nd", "2027-01-02"), ("February 29", "2028-02-29"), ("not Friday, Saturday", "2026-11-28"),
        ("Friday, no, Saturday", "2026-11-28"), ("no, on Thursday", "2026-11-26"),
        ("tomorrow, sorry, Wednesday", "2026-11-25"),
        ("any day but not on Friday, say Tuesday", "2026-11-24"), ("let's say December tenth", "2026-12-10"),
        ("I would like the 1st of December", "2026-12-01"), ("in thirty days", "2026-12-23"),
    ],
)  # fmt: skip
def test_a_date_is_read_however_it_is_said(text: str, iso: str) -> None:
    found = find_date(text, MONDAY)
    assert found is not None
    assert found.isoformat() == iso


@pytest.mark.parametrize(
    "text",
    ["", "hello", "February 30", "may I ask something", "no idea", "13/13", "2026-13-01", "I do not know", "not Friday",
     "the parcel", "whenever", "march on", "in 0 of cases"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert find_date(text, MONDAY) is None


def test_the_day_comes_first_in_britain() -> None:
    assert find_date("5/12", MONDAY, day_first=True) == datetime.date(2026, 12, 5)
    assert find_date("5/12", MONDAY) == datetime.date(2027, 5, 12)


def test_a_calendar_that_ends_is_no_error() -> None:
    assert find_date("tomorrow", datetime.date.max) is None
    assert find_date("in 999 weeks", datetime.date.max) is None
    assert find_date("the 5th of next month", datetime.date.max) is None


def test_a_date_is_spoken_with_its_weekday() -> None:
    assert spoken(datetime.date(2026, 12, 4)) == "Friday, December fourth"
    assert spoken(datetime.date(2026, 12, 21)) == "Monday, December twenty-first"


NAME = Slot(name="caller", type=SlotType.NAME, ask="What is your name?")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my name is John Smith", "John Smith"), ("My name's Ann.", "Ann"), ("it's John Smith", "John Smith"),
        ("this is Mary Jones speaking", "Mary Jones"), ("I am Peter", "Peter"),
        ("I'm Anna-Lena Weber", "Anna-Lena Weber"),
        ("John", "John"), ("John Smith", "John Smith"), ("Smith, John", "Smith John"), ("yes, it's Bob", "Bob"),
        ("J O H N", "John"), ("J-O-H-N", "John"), ("it's spelled", None), ("S M I T H", "Smith"), ("um, Mary", "Mary"),
        ("sorry, my name is O'Neill", "O'Neill"), ("the name is Bond", "Bond"), ("call me Al", "Al"),
        ("Maria please", "Maria"),
        ("my last name is Garcia", "Garcia"), ("José", "José"), ("what", None), ("I don't know", None),
        ("where is my parcel", None),
        ("123", None), ("", None), ("yes", None), ("my name is John Smith and I want my parcel", "John Smith"),
    ],
)  # fmt: skip
def test_a_name_is_read_from_how_people_introduce_themselves(text: str, name: str | None) -> None:
    assert slots.read(NAME, text, LOCALE) == name


SIZE = Slot(name="size", type=SlotType.CHOICE, ask="Which?", choices=("standard", "express", "next day air"))


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("express", "express"), ("Express please.", "express"), ("I'd like the standard one", "standard"),
        ("exspress", "express"),
        ("standart", "standard"), ("the second one", "express"), ("the first", "standard"),
        ("the last one", "next day air"),
        ("next day", "next day air"), ("next-day air", "next day air"), ("standard, no, express", "express"),
        ("not standard, express", "express"), ("next day air", "next day air"), ("purple", None), ("", None),
        ("I don't care", None),
    ],
)  # fmt: skip
def test_a_choice_is_read_by_name_place_and_likeness(text: str, choice: str | None) -> None:
    assert slots.read(SIZE, text, LOCALE) == choice


YES = ["yes", "Yes.", "yeah", "yep", "yup", "sure", "correct", "that's right", "that is correct", "right", "exactly",
"okay",
       "ok", "of course", "go ahead", "please do", "absolutely", "uh-huh", "mm-hmm", "sounds good", "fine",
       "that's fine",
       "that works", "perfect", "do it", "yes please", "oh yes", "um, yes", "well yeah", "it is", "yes that's it",
       "why not",
       "no problem", "I do", "definitely", "you bet", "alright", "that's it", "great"]  # fmt: skip
NO = ["no", "No.", "nope", "nah", "no thanks", "no thank you", "not really", "wrong", "that's wrong", "incorrect",
      "that's not right", "it isn't", "that isn't right", "don't", "don't do that", "never", "no, that's all",
      "I'm good", "negative",
      "not quite", "oh no", "actually no", "cancel", "nothing", "it's wrong", "I don't think so",
      "neither"]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), [*((t, True) for t in YES), *((t, False) for t in NO)])
def test_yes_and_no_have_many_forms(text: str, answer: bool) -> None:
    assert slots.yes_or_no(text) is answer


@pytest.mark.parametrize("text", ["", "maybe", "what", "four five", "I see", "Friday", "nobody", "notice", "yesterday"])
def test_what_is_neither_yes_nor_no_is_none(text: str) -> None:
    assert slots.yes_or_no(text) is None


def test_keys_fill_slots_by_their_type() -> None:
    number = Slot(name="number", type=SlotType.DIGITS, length=6, ask="Number?")
    assert slots.read_keys(number, "452210#") == "452210"
    assert slots.read_keys(Slot(name="ok", type=SlotType.YES_NO, ask="Ok?"), "2") == "no"
    assert slots.read_keys(SIZE, "3") == "next day air"
    assert slots.read_keys(SIZE, "4") is None
    assert slots.read_keys(NAME, "4") is None
    assert slots.read_keys(number, "#*") is None
