"""A short sound whose words are unlikely: one of a few commands, or a hum."""

import importlib
from typing import Any

import pytest

wishes = importlib.import_module("voiceplane.speech.inside_triton.wishes")  # untyped: it runs inside Triton
LISTENER = [-1.0, -6.0, -9.0]


def as_a_hum(**more: float) -> list[float]:
    """Return what a hum makes of each wish, and some of them likelier by so many deviations."""
    return [each.mean - 1.0 + more.get(each.text[:4].lower(), 0.0) * each.deviation for each in wishes.WISHES]


def test_a_hum_is_no_wish() -> None:
    assert wishes.wish(as_a_hum(), LISTENER) == ""


@pytest.mark.parametrize("text", [each.text for each in wishes.WISHES])
def test_a_wish_is_what_is_likelier_than_a_hum_makes_it(text: str) -> None:
    key = text[:4].lower()
    assert wishes.wish(as_a_hum(**{key: wishes.LEAST + 0.2}), LISTENER) == text
    assert wishes.wish(as_a_hum(**{key: wishes.LEAST - 0.2}), LISTENER) == ""


def test_a_listeners_word_that_is_as_likely_stands_against_a_wish() -> None:
    said = as_a_hum(stop=wishes.LEAST + 0.2)
    assert wishes.wish(said, LISTENER) == "Stop."
    assert wishes.wish(said, [0.0, *LISTENER[1:]]) == ""


def test_of_two_wishes_the_one_that_surprises_more_was_said() -> None:
    assert wishes.wish(as_a_hum(hey=wishes.LEAST + 0.2, canc=wishes.LEAST + 1.0), LISTENER) == "Cancel."


@pytest.mark.parametrize(
    ("words", "logprob", "doubtful"),
    [
        ([], -3.0, False),  # no voice
        ([["Stop.", 0, 300, 0.9]], -0.3, False),
        ([["Tat", 0, 300, 0.19]], -0.3, True),
        ([["start,", 0, 200, 0.56], ["start", 200, 300, 0.56]], -1.62, True),
    ],
)
def test_only_unlikely_words_are_doubted(words: list[Any], logprob: float, *, doubtful: bool) -> None:
    assert wishes.is_doubtful({"words": words, "logprob": logprob}) is doubtful


def test_words_are_doubted_where_the_call_takes_them_for_unlikely() -> None:
    overlap = importlib.import_module("voiceplane.turn.overlap")
    assert (wishes.SURE_WORD, wishes.SURE_LOGPROB) == (overlap.SURE_WORD, overlap.SURE_LOGPROB)
