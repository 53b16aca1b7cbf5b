"""What the end-to-end tests take for the sentence that was spoken, and what for another."""

import pytest
from tests.e2e.alike import alike

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
