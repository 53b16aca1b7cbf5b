"""Two hearings of one sound: when a second is asked for, and which is believed."""

import pytest

from voiceplane.turn.hearings import NO_OTHER_GROUP_S, second_after_s, second_stands, worth_a_second
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.reading import Reading

UNDERSTOOD = (Reading.EXPECTED, Reading.COMPLETE, Reading.COUNTED, Reading.BRIEF, Reading.DOUBTFUL)
ASKED = (Reading.UNCLEAR, Reading.MISHEARD, Reading.LACKING, Reading.OPEN)


@pytest.mark.parametrize("reading", list(Reading))
def test_only_words_that_do_not_say_what_the_caller_wants_are_worth_a_second_hearing(reading: Reading) -> None:
    assert worth_a_second(reading) is (reading in ASKED)


@pytest.mark.parametrize("second", list(Reading))
def test_a_second_hearing_of_such_words_stands_where_it_is_understood_or_whole(second: Reading) -> None:
    assert second_stands(second) is (second in UNDERSTOOD)


@pytest.mark.parametrize(
    ("first", "heard", "stands"),
    [
        ("Three one zero, zero four.", "7, 3, 1, 0, 0, 4", True),
        ("Seven three one.", "Seven three one, zero zero four.", True),
        ("It is seven eight, seven four.", "It is 7-08740.", True),
        ("", "731004", True),
        ("Double three, double three. Three.", "3 3 3 4 5 6", False),
        ("3, 8, 3, 2, 3.", "3, 8, 2, 1, 2, 3.", False),
    ],
)
def test_a_whole_number_stands_where_it_only_adds_to_the_digits_that_were_heard(
    first: str, heard: str, *, stands: bool
) -> None:
    assert second_stands(Reading.COUNTED, first=first, heard=heard) is stands


@pytest.mark.parametrize("reading", ASKED)
def test_of_two_hearings_that_are_worth_the_same_the_first_stands(reading: Reading) -> None:
    assert not second_stands(reading)


@pytest.mark.parametrize("digits", [False, True])
@pytest.mark.parametrize("reading", list(Reading))
def test_on_a_loaded_machine_only_half_a_number_is_heard_again_and_after_the_longest_pause_inside_one(
    reading: Reading, digits: bool
) -> None:
    assert second_after_s(reading, quick=True, digits=digits) == (0.0 if reading in ASKED else None)
    half = digits and reading is Reading.OPEN
    assert second_after_s(reading, quick=False, digits=digits) == (NO_OTHER_GROUP_S if half else None)


def test_a_second_hearing_on_a_loaded_machine_comes_before_half_a_number_is_over() -> None:
    used = TurnParameters()
    assert 1.2 < NO_OTHER_GROUP_S < used.digits_max_pause_s - 0.8  # a second hearing takes 0.2 to 0.5 s
