"""A recognizer that repeats itself, and words that it invents at the end of a sound."""

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

repeats = importlib.import_module("voiceplane.speech.inside_triton.repeats")  # untyped: it runs inside Triton


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("when are you open when are you open", (0, 4, 2)),
        ("hello when are you open when are you open when are", (1, 4, 2)),
        ("When are you open? when are you open.", (0, 4, 2)),
        ("no no", None),
        ("no no no", (0, 1, 3)),
        ("seven seven two", None),
        ("where is my parcel", None),
        ("", None),
    ],
)
def test_a_loop_is_a_repetition_that_ends_the_text(text: str, found: tuple[int, int, int] | None) -> None:
    assert repeats.loop(text.split()) == found


def test_a_repetition_is_kept_when_there_was_time_to_say_it() -> None:
    words = "when are you open when are you open".split()
    assert repeats.without_loop(words, 2.0) == 8
    assert repeats.without_loop(words, 1.0) == 4
    assert repeats.without_loop(["no"] * 12, 0.5) == 3


@given(st.lists(st.sampled_from(["no", "yes", "seven"]), max_size=20), st.floats(0.0, 20.0))
def test_words_are_only_taken_from_the_end_and_one_copy_always_stays(words: list[str], voiced_s: float) -> None:
    kept = repeats.without_loop(words, voiced_s)
    assert (kept > 0) == bool(words) and kept <= len(words)
    if kept < len(words):
        start, unit, _ = repeats.loop(words)
        assert kept >= start + unit


def test_words_that_crowd_at_the_end_of_the_sound_were_invented() -> None:
    spoken = [["where", 0, 300], ["is", 300, 450], ["it", 450, 600]]
    invented = [["thank", 980, 990], ["you", 990, 1000]]
    assert repeats.spoken_words(spoken, 1000) == 3
    assert repeats.spoken_words([*spoken, *invented], 1000) == 3
    assert repeats.spoken_words(invented, 1000) == 0
    assert repeats.spoken_words([["yes", 970, 1000]], 1000) == 1  # a single word may end with its sound


def test_the_decoder_gets_room_for_what_can_be_said_and_no_more() -> None:
    assert repeats.most_tokens(0.0) == 12
    assert repeats.most_tokens(10.0) == 82
