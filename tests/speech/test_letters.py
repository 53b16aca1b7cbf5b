"""The letter A is not read as the article."""

import importlib

import pytest

letters = importlib.import_module("voiceplane.speech.inside_triton.letters")  # untyped: it runs inside Triton


@pytest.mark.parametrize(
    ("phrase", "read"),
    [
        ("A as in Alpha, B as in Bravo", "eh as in Alpha, B as in Bravo"),
        ("B as in Bravo, A as in Alpha", "B as in Bravo, eh as in Alpha"),
        ("seat twelve A please", "seat twelve eh please"),
        ("gate A four", "gate A four"),
        ("gate A 4 2", "gate eh 4 2"),
        ("twenty-two A and so on", "twenty-two eh and so on"),
        ("L A and V A T", "L eh and V eh T"),
        ("A parcel is here.", "A parcel is here."),
        ("You have two. A third comes.", "You have two. A third comes."),
        ("Plan A is off, B A, on", "Plan A is off, B A, on"),
    ],
)
def test_an_a_among_letters_and_numbers_is_read_as_its_name(phrase: str, read: str) -> None:
    assert letters.named(phrase) == read
    assert len(read.split()) == len(phrase.split())
