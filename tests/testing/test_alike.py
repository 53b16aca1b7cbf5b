"""What the end-to-end tests take for the sentence that was spoken, and what for another."""

import pytest
from tests.alike import alike, closest, holds, same

PARCEL = "Parcel 456721 is out for delivery and should arrive today before six."


@pytest.mark.parametrize(
    ("heard", "sentence"),
    [
        ("Horcel 456721 is out for delivery and should arrive today before 6. Is there anything else?", PARCEL),
        ("What is the 6 digit partial number?", "What is the six digit parcel number?"),
        ("It is 4 5 6, 7 2 1", "It is four five six, seven two one."),
        ("we saw brown boxes. they are strong.", "We sell brown boxes. They are strong."),
    ],
)
def test_a_word_that_was_misheard_and_digits_however_grouped_are_the_same(heard: str, sentence: str) -> None:
    assert alike(heard, sentence)


@pytest.mark.parametrize(
    ("heard", "sentence"),
    [
        ("Parcel 731004 is in the sorting center and should arrive tomorrow before noon.", PARCEL),
        ("Sorry. I did not understand that. Could you say it another way?", "What is the six digit parcel number?"),
        ("And my order shape.", "Can you track my package?"),
        ("What are your opening hours?", "Can you track my package?"),
        ("", "Can you track my package?"),
        ("Anything", ""),
    ],
)
def test_another_sentence_and_nothing_are_not(heard: str, sentence: str) -> None:
    assert not alike(heard, sentence)


@pytest.mark.parametrize(
    ("heard", "sentence", "expected"),
    [
        ("It is 4 5 6, 7-2-1", "It is four five six, seven two one.", True),
        ("what are your opening hours", "What are your opening hours?", True),
        ("When a r u opened.", "When are you open?", False),
        ("When", "When are you open?", False),
        ("", "When are you open?", False),
    ],
)
def test_one_other_word_makes_another_sentence(heard: str, sentence: str, expected: bool) -> None:
    assert same(heard, sentence) is expected


def test_of_several_sentences_the_likeliest_was_said_and_none_where_nothing_was() -> None:
    opening = "Northwind parcels, this is the automated assistant. How can I help you?"
    other = "Good evening, you have reached the night desk. What do you need?"
    assert closest("North wind partials, this is the automated assistant.", other, opening) == opening
    assert closest("", other, opening) == closest("Sorry, I did not get that.", other, opening) == ""


def test_a_sentence_is_in_what_was_heard_wherever_it_stands_and_another_is_not() -> None:
    asked = "What is the six digit parcel number?"
    assert holds(f"One moment, please. {asked} Thank you.", asked)
    assert holds("Here you are. One moment please what is the 6 digit partial number", asked)
    assert not holds("One moment, please. Sorry, I did not understand that.", asked) and not holds("", asked)
