"""Two hearings of one sound: when a second is asked for, and which is believed."""

import pytest

from voiceplane.turn.hearings import second_stands, worth_a_second
from voiceplane.turn.reading import Reading

UNDERSTOOD = (Reading.EXPECTED, Reading.COMPLETE, Reading.COUNTED, Reading.BRIEF, Reading.DOUBTFUL)
ASKED = (Reading.UNCLEAR, Reading.MISHEARD, Reading.LACKING, Reading.OPEN)


@pytest.mark.parametrize("reading", list(Reading))
def test_only_words_that_do_not_say_what_the_caller_wants_are_worth_a_second_hearing(reading: Reading) -> None:
    assert worth_a_second(reading) is (reading in ASKED)


@pytest.mark.parametrize("second", list(Reading))
def test_a_second_hearing_of_such_words_stands_where_it_is_understood_or_whole(second: Reading) -> None:
    assert second_stands(second) is (second in UNDERSTOOD)


@pytest.mark.parametrize("reading", ASKED)
def test_of_two_hearings_that_are_worth_the_same_the_first_stands(reading: Reading) -> None:
    assert not second_stands(reading)
