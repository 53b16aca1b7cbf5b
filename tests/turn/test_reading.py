"""What the caller's words say about the end of the turn."""

import pytest

from voiceplane.turn.parameters import Sureness, TurnParameters
from voiceplane.turn.reading import AskedDigits, Reading, read, said_digits


def reading(text: str, *, digits: int = 0, known: str = "", understood: bool | None = None) -> Reading:
    return read(text, asked=AskedDigits(digits, known), understood=understood)


@pytest.mark.parametrize("text", ["", " ", "...", "?!"])
def test_no_words_are_nothing_read(text: str) -> None:
    assert reading(text) is Reading.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "I would like to change the",
        "My parcel was to come on Monday and",
        "Can you tell me",
        "Can you tell me?",
        "could you please check",
        "Could you?",
        "What are?",
        "well, what is",
        "I wanted to know if",
        "I want to know it",
        "Tell me",
        "Is it possible?",
        "What happens with my parcel when?",
        "um, do you",
        "I am calling about uh",
        "so, well...",
        "It is about a parcel,",
    ],
)
@pytest.mark.parametrize("understood", [False, None])
def test_half_a_sentence_is_open(text: str, understood: bool | None) -> None:
    assert reading(text, understood=understood) is Reading.OPEN


@pytest.mark.parametrize(
    "text", ["my parcel was to come on on the end", "My parcel was to come on the end.", "it was to come Monday end"]
)
def test_an_end_that_was_an_and_is_half_a_sentence_whatever_the_planner_makes_of_it(text: str) -> None:
    assert all(reading(text, understood=understood) is Reading.OPEN for understood in (True, False, None))


@pytest.mark.parametrize("text", ["I need it by the end", "put me through to the end", "When does my contract end?"])
def test_an_end_that_is_meant_is_an_end(text: str) -> None:
    assert reading(text, understood=True) is Reading.COMPLETE


@pytest.mark.parametrize("text", ["Can you tell me?", "What happens with my parcel when?", "I want to change the"])
def test_half_a_sentence_is_open_although_the_planner_sees_its_intent(text: str) -> None:
    assert reading(text, understood=True) is Reading.OPEN


@pytest.mark.parametrize(
    "text",
    [
        "When are you open?",
        "Where is my parcel?",
        "Can you help me?",
        "I want to track my package",
        "What is the insurance for?",
        "who are you?",
        "tell me about the insurance",
    ],
)
def test_a_sentence_that_the_planner_understands_is_complete(text: str) -> None:
    assert reading(text, understood=True) is Reading.COMPLETE


def test_a_sentence_whose_last_word_may_be_misheard_is_doubtful() -> None:
    text = "what happens with my parcel one"  # "when"
    assert read(text, understood=True, last_word=0.3) is Reading.DOUBTFUL
    assert read(text, understood=True, last_word=0.8) is Reading.COMPLETE
    assert read(text, understood=False, last_word=0.3) is Reading.UNCLEAR
    assert read("yes", understood=True, last_word=0.3) is Reading.BRIEF


def test_words_that_the_agent_waits_for_are_in_no_doubt_however_unsure_the_recognizer_is_of_the_last() -> None:
    text = "Where is my parcel?"
    assert read(text, understood=True, expected=True, last_word=0.3) is Reading.EXPECTED
    assert read("I want to know where my", understood=True, expected=True) is Reading.OPEN
    assert read("yes", understood=True, expected=True) is Reading.BRIEF  # "yes, please", "yes, on Friday"


@pytest.mark.parametrize("text", ["No, thank you", "yes please", "No, thanks very much."])
def test_a_polite_yes_or_no_is_a_whole_answer(text: str) -> None:
    assert read(text, understood=True, last_word=0.3) is Reading.EXPECTED
    assert read(text, understood=False) is Reading.UNCLEAR


@pytest.mark.parametrize("text", ["No, put it", "no I mean", "yes that's"])
def test_a_yes_or_no_that_says_more_is_no_whole_answer(text: str) -> None:
    assert read(text, understood=True, last_word=0.3) is not Reading.EXPECTED


def test_a_whole_question_that_means_nothing_is_misheard_and_the_beginning_of_one_is_open() -> None:
    assert read("Where is my car still?", understood=False) is Reading.MISHEARD
    assert read("Where is my car still", understood=False) is Reading.UNCLEAR
    assert read("How do I?", understood=False) is Reading.OPEN
    assert read("that shoes", understood=False) is Reading.OPEN
    assert read("What do you have?", understood=False, last_word=0.3) is Reading.UNCLEAR  # "What are"
    assert read("Where is my car still?", understood=None) is Reading.UNKNOWN


def test_words_of_which_the_planner_makes_nothing_are_unclear_and_wait_longer() -> None:
    patience = TurnParameters().patience
    assert reading("the water euro shines", understood=False) is Reading.UNCLEAR
    assert reading("the water euro shines") is Reading.UNKNOWN
    assert all(patience[Reading.UNCLEAR, sure] > patience[Reading.UNKNOWN, sure] for sure in Sureness)


def test_a_comma_behind_a_wish_says_that_more_is_to_come_unless_the_agent_waits_for_just_this() -> None:
    assert read("I have two parcels,", understood=True) is Reading.OPEN
    assert read("On Friday,", understood=True, expected=True) is Reading.EXPECTED


@pytest.mark.parametrize("text", ["Yes.", "no", "yes, yes", "Okay, sure"])
def test_a_bare_yes_or_no_waits_a_little_for_a_please(text: str) -> None:
    patience = TurnParameters().patience
    assert reading(text, understood=True) is Reading.BRIEF
    assert patience[Reading.COMPLETE, Sureness.SURE] < patience[Reading.BRIEF, Sureness.SURE] <= 0.35


@pytest.mark.parametrize("text", ["456", "four five", "it is 731,", "double two five"])
def test_fewer_digits_than_asked_for_are_open_even_if_understood(text: str) -> None:
    assert reading(text, digits=6, understood=True) is Reading.OPEN


@pytest.mark.parametrize("text", ["456721", "4 5 6 7 2 1", "forty-five sixty-seven twenty-one", "it's four five six seven two one"])  # fmt: skip  # noqa: E501
def test_all_digits_that_were_asked_for_are_counted(text: str) -> None:
    assert reading(text, digits=6) is Reading.COUNTED


@pytest.mark.parametrize(
    "text",
    ["Three one zero. Seven three, one zero.", "9 0 1 9 0 0 1", "Nine zero. Nine, zero. Nine, zero. Nine, nine, zero."],
)
def test_more_digits_than_were_asked_for_are_no_whole_number_unless_the_planner_reads_one(text: str) -> None:
    for nothing_made_of_them in (False, None):
        assert reading(text, digits=6, understood=nothing_made_of_them) is Reading.OVERCOUNTED
    assert reading(text, digits=6, understood=True) is Reading.COUNTED
    assert reading("4 5 6 7 2 1 0", digits=3, known="456", understood=False) is Reading.OVERCOUNTED


@pytest.mark.parametrize("text", ["45672", "nine zero, one two seven", "double two five three one"])
@pytest.mark.parametrize("understood", [True, False, None])
def test_all_digits_but_one_are_lacking(text: str, understood: bool | None) -> None:
    assert reading(text, digits=6, understood=understood) is Reading.LACKING


def test_one_digit_that_was_asked_for_does_not_lack_before_a_word_of_it_was_said() -> None:
    assert reading("it is", digits=1, understood=False) is Reading.OPEN


@pytest.mark.parametrize("text", ["date", "A", "and", "", "it is", "okay, let me see", "the number is"])
def test_a_word_or_two_before_the_digits_are_open(text: str) -> None:
    assert reading(text, digits=6, understood=False) is Reading.OPEN


@pytest.mark.parametrize("text", ["Yes, please.", "no, thank you", "okay thanks"])
def test_a_polite_yes_or_no_where_digits_were_asked_for_is_an_answer_and_not_their_beginning(text: str) -> None:
    assert reading(text, digits=6, understood=False) is Reading.BRIEF
    assert reading(text.split()[0], digits=6, understood=False) is Reading.OPEN  # "yes, it is four five"


def test_an_answer_without_digits_is_complete_when_the_planner_understands_it() -> None:
    assert reading("I do not have it here", digits=6, understood=True) is Reading.COMPLETE
    assert reading("I do not have it here", digits=6, understood=False) is Reading.UNCLEAR


@pytest.mark.parametrize("text", ["4 5 6", "nine zero", "7, 3 1"])
def test_digits_that_nobody_asked_for_are_open(text: str) -> None:
    assert reading(text, understood=False) is Reading.OPEN


@pytest.mark.parametrize(
    ("text", "known", "sign"),
    [
        ("nine two", "4567", Reading.COUNTED),
        ("zero two eight", "83922", Reading.OPEN),  # one was missing: these are the first of another try
        ("five, five one eight", "6198", Reading.OPEN),
        ("five five one eight zero", "6198", Reading.LACKING),
        ("five five one eight zero seven", "6198", Reading.COUNTED),
        ("four five six", "456", Reading.OPEN),  # as many as are missing, but those that were said before
        ("four five", "456", Reading.OPEN),
        ("four five six seven two one", "456", Reading.COUNTED),
        ("four nine six", "456", Reading.OPEN),  # one of these was misheard, now or before
        ("It's four nine six.", "456", Reading.OPEN),
        ("four nine six seven two", "456", Reading.LACKING),
        ("four nine six seven two one", "456", Reading.COUNTED),
        ("four nine seven", "456", Reading.COUNTED),  # the rest: two others
        ("no, four nine six", "456", Reading.COUNTED),  # puts right what was heard
        ("four nine", "4567", Reading.COUNTED),  # too few to tell
        ("four", "45672", Reading.LACKING),  # the missing digit, or the first of all
        ("seven", "45672", Reading.COUNTED),
    ],
)
def test_a_number_that_is_said_once_more_is_whole_when_all_of_it_is_there(text: str, known: str, sign: Reading) -> None:
    assert reading(text, digits=6 - len(known), known=known, understood=False) is sign


def test_a_digit_put_right_is_complete_although_it_is_not_the_whole_number() -> None:
    assert reading("sorry, the last one is a seven", digits=1, known="45221", understood=True) is Reading.COMPLETE


def test_digits_are_read_from_words_and_figures() -> None:
    found = {
        "four five double two": "4522",
        "45 22": "4522",
        "triple seven": "777",
        "twenty one": "21",
        "sixty": "60",
        "twelve": "12",
        "none": "",
        "1 1 8, pre 4 6": "118346",
        "for my": "",
    }
    assert {text: said_digits(text) for text in found} == found


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("4 5 6 7 2 1", Reading.COUNTED),
        ("nine zero zero one two seven", Reading.COUNTED),
        ("nine zero zero", Reading.OPEN),
        ("nine zero zero one two seven two", Reading.OPEN),
        ("nine zero zero one two seven,", Reading.OPEN),
    ],
)
def test_a_number_that_nobody_asked_for_is_whole_when_it_is_as_long_as_one_can_be(text: str, sign: Reading) -> None:
    assert read(text, understood=False, number=6) is sign
    assert read(text, understood=False) is Reading.OPEN  # an agent that asks for none
