import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.turn.parameters import Sureness, TurnParameters, required_silence
from voiceplane.turn.reading import Reading

P = TurnParameters()
READINGS = st.sampled_from([None, *Reading])
PROBABILITIES = st.none() | st.floats(0.0, 1.0)


def test_the_table_knows_every_pair_of_words_and_sound() -> None:
    assert set(P.patience) == set(itertools.product(Reading, Sureness))


@pytest.mark.parametrize("sureness", Sureness)
def test_the_more_the_words_leave_open_the_longer_the_silence(sureness: Sureness) -> None:
    silences = [P.patience[reading, sureness] for reading in (Reading.COMPLETE, Reading.UNKNOWN, Reading.OPEN)]
    assert silences == sorted(silences) and silences[0] < silences[2]


@pytest.mark.parametrize("reading", Reading)
def test_the_surer_the_sound_the_shorter_the_silence(reading: Reading) -> None:
    silences = [P.patience[reading, sureness] for sureness in Sureness]
    assert silences == sorted(silences)


def test_a_whole_answer_leaves_most_of_300_ms_to_the_reply() -> None:
    assert required_silence(Reading.COMPLETE, 0.99, P, digits=False) <= 0.2
    assert required_silence(Reading.COUNTED, 0.99, P, digits=True) <= 0.2


@pytest.mark.parametrize(
    ("probability", "sureness"),
    [
        (None, Sureness.NOT_DONE),
        (0.0, Sureness.GOING_ON),
        (0.099, Sureness.GOING_ON),
        (0.1, Sureness.NOT_DONE),
        (0.499, Sureness.NOT_DONE),
        (0.5, Sureness.DONE),
        (0.849, Sureness.DONE),
        (0.85, Sureness.SURE),
        (1.0, Sureness.SURE),
    ],
)
def test_a_probability_is_named_by_its_threshold(probability: float | None, sureness: Sureness) -> None:
    assert P.sureness(probability) is sureness


def test_a_wish_that_may_be_half_a_sentence_waits_for_the_rest_and_ends_before_one_that_is_unclear() -> None:
    assert required_silence(Reading.COMPLETE, 0.02, P, digits=False) == pytest.approx(0.85)
    for probability in (0.02, 0.3, 0.6, 0.99):
        doubtful = required_silence(Reading.DOUBTFUL, probability, P, digits=False)
        complete = required_silence(Reading.COMPLETE, probability, P, digits=False)
        assert max(0.6, complete) <= doubtful < required_silence(Reading.UNCLEAR, probability, P, digits=False)


@pytest.mark.parametrize("probability", [0.02, 0.3, 0.6, 0.99])
def test_words_that_the_agent_waits_for_end_soon_also_where_the_sound_says_that_more_is_to_come(
    probability: float,
) -> None:
    assert required_silence(Reading.EXPECTED, probability, P, digits=False) <= 0.3


def test_a_question_that_was_misheard_ends_before_other_unclear_words_where_the_sound_is_sure() -> None:
    misheard = required_silence(Reading.MISHEARD, 0.99, P, digits=False)
    assert misheard < required_silence(Reading.UNCLEAR, 0.99, P, digits=False)
    for probability in (0.02, 0.6):
        unclear = required_silence(Reading.UNCLEAR, probability, P, digits=False)
        assert required_silence(Reading.MISHEARD, probability, P, digits=False) == unclear


def test_half_a_number_waits_longest_however_sure_the_sound_is() -> None:
    assert required_silence(Reading.OPEN, 0.99, P, digits=True) == P.digits_max_pause_s
    assert P.digits_max_pause_s > P.max_pause_s


@pytest.mark.parametrize("probability", [0.0, 0.6, 0.99])
def test_a_whole_number_ends_at_once_whatever_the_sound_says(probability: float) -> None:
    assert required_silence(Reading.COUNTED, probability, P, digits=True) <= 0.25


@pytest.mark.parametrize("probability", [0.0, 0.6, 0.99])
def test_a_number_that_lacks_one_digit_waits_longer_than_a_pause_between_groups_and_no_longer(
    probability: float,
) -> None:
    silence = required_silence(Reading.LACKING, probability, P, digits=True)
    assert 1.2 < silence < 1.5 < P.digits_max_pause_s  # dictated pauses are up to 1.2 s


def test_a_number_said_in_one_breath_that_lacks_a_digit_waits_less_than_one_in_groups() -> None:
    grouped = required_silence(Reading.LACKING, 0.9, P, digits=True, longest_pause_s=0.4)
    in_one_breath = required_silence(Reading.LACKING, 0.9, P, digits=True, longest_pause_s=0.3)
    assert in_one_breath == pytest.approx(0.7) and in_one_breath < grouped
    half = required_silence(Reading.OPEN, 0.9, P, digits=True, longest_pause_s=0.0)
    assert half == P.digits_max_pause_s  # four and two are groups


def test_words_that_have_not_come_yet_are_waited_for_but_not_for_ever() -> None:
    assert required_silence(None, 0.99, P, digits=False) == P.unread_s
    assert required_silence(None, 0.1, P, digits=False) == P.max_pause_s
    assert required_silence(None, None, P, digits=False) == P.max_pause_s


@given(READINGS, PROBABILITIES, st.booleans())
def test_no_silence_is_longer_than_the_longest_pause_nor_shorter_than_a_breath(
    reading: Reading | None, probability: float | None, digits: bool
) -> None:
    assert 0.14 <= required_silence(reading, probability, P, digits=digits) <= P.longest_s(digits=digits)


@given(READINGS, PROBABILITIES)
def test_asking_for_digits_never_shortens_the_silence(reading: Reading | None, probability: float | None) -> None:
    plain = required_silence(reading, probability, P, digits=False)
    assert required_silence(reading, probability, P, digits=True) >= plain


@given(st.floats(0.05, 1.6), READINGS, PROBABILITIES)
def test_a_lower_longest_pause_bounds_every_entry_of_the_table(
    longest_s: float, reading: Reading | None, probability: float | None
) -> None:
    strict = TurnParameters(max_pause_s=longest_s, unread_s=min(0.9, longest_s))
    assert required_silence(reading, probability, strict, digits=False) <= longest_s
