"""Words that a reading leaves out: found by the voice that no word stands for, or one word too much of, and heard."""

import importlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voiceplane.runtime import models
from voiceplane.speech.environment import INSIDE, triton_environment
from voiceplane.turn.reading import said_digits

left_out = importlib.import_module("voiceplane.speech.inside_triton.left_out")  # untyped: it runs inside Triton
Word = tuple[str, int, int, float]
DICE = np.random.default_rng(0)


def sound(*levels: tuple[float, float]) -> NDArray[np.int16]:
    """Return noise of these seconds and levels, one behind the other."""
    return np.concatenate([DICE.normal(0.0, level, int(seconds * 16_000)) for seconds, level in levels]).astype("<i2")


def heard(end_ms: int) -> list[Word]:
    return [("where", 300, 500, 0.9), ("is", 500, end_ms, 0.9)]


@pytest.mark.parametrize(
    ("end_ms", "lost"),
    [(1300, False), (1100, False), (1000, True), (700, True)],
    ids=["all", "a soft end", "a word", "several"],
)
def test_a_voice_behind_the_last_word_shows_that_words_were_left_out(end_ms: int, *, lost: bool) -> None:
    assert left_out.is_left_out(sound((0.3, 3), (1.0, 3000), (0.4, 3)), heard(end_ms)) is lost


def test_a_pause_behind_the_last_word_is_no_voice() -> None:
    assert left_out.left_out_s(sound((1.3, 3000), (2.0, 30)), heard(1300)) == 0.0
    assert left_out.left_out_s(sound((1.3, 3000), (2.0, 3)), heard(1300)) == 0.0


def test_a_pause_between_lost_words_does_not_count() -> None:
    assert left_out.left_out_s(sound((1.0, 3000), (1.0, 3), (0.5, 3000)), heard(1000)) == pytest.approx(0.5, abs=0.03)


def test_a_sound_without_words_leaves_none_out() -> None:
    assert left_out.left_out_s(sound((1.0, 3000)), []) == 0.0
    assert left_out.left_out_s(sound((0.0, 3)), heard(100)) == 0.0


@pytest.mark.parametrize(
    ("word", "levels", "lost"),
    [
        ("zero", ((0.7, 3000),), False),
        ("one", ((0.5, 3000), (1.5, 3), (0.5, 3000)), True),  # a pause inside does not count
        ("one", ((0.3, 3000), (1.5, 3), (0.3, 3000)), False),
        ("885", ((1.5, 3000),), False),
        ("85", ((1.5, 3000),), True),
        ("Nine,", ((1.0, 3000),), True),
        ("Moxaline.", ((1.0, 3000),), False),  # a name may be long
    ],
)
def test_a_digit_that_stands_for_more_voice_than_one_has_swallowed_others(
    word: str, levels: tuple[tuple[float, float], ...], *, lost: bool
) -> None:
    end_ms = round(1000 * sum(seconds for seconds, _ in levels)) + 100
    heard = [(word, 100, end_ms, 0.9), ("please", end_ms, end_ms + 300, 0.9)]
    assert left_out.has_swallowed(sound((0.1, 3), *levels, (0.3, 3000), (0.2, 3)), heard) is lost


def test_no_words_swallow_none() -> None:
    assert left_out.swallowed_s(sound((2.0, 3000)), []) == 0.0


NUMBER = "It is four five six, seven two one."
SAID = "I would like to speak to a person, please."
Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def outcomes(flite: Callable[[str], Path]) -> dict[str, Outcome]:
    script = Path(__file__).with_name("recognize_cut.py")
    python = triton_environment().root / "bin/python"
    command = [python, script, INSIDE, models.model("whisper-tiny-en").folder, flite(SAID), flite(NUMBER)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    found: dict[str, Outcome] = json.loads(done.stdout)
    return found


def test_a_whole_reading_costs_one_decode(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["whole"]["decodes"] == [2.0]
    assert outcomes["whole"]["text"].lower().startswith("i would like to speak to a person")


def test_a_reading_without_its_end_is_decoded_once_more_and_has_it(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["cut"] == {"text": outcomes["whole"]["text"], "decodes": [2.0, 6.0]}


def test_a_partial_is_not_decoded_again_for_it(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["partial"] == {"text": "I would", "decodes": [2.0]}


@pytest.mark.parametrize("case", ["no better", "nothing", "no speech"])
def test_what_covers_no_more_of_the_sound_changes_nothing(outcomes: dict[str, Outcome], case: str) -> None:
    assert outcomes[case] == {"text": "I would", "decodes": [2.0, 6.0]}


def test_who_has_left_gets_no_words(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["left"] == {"text": None, "decodes": [2.0, 6.0]}


HINTS = "It is nine two."


def test_a_digit_that_swallowed_others_is_decoded_once_more_without_hints(outcomes: dict[str, Outcome]) -> None:
    assert said_digits(outcomes["swallowed"]["text"]) == "456721"
    assert outcomes["swallowed"]["hints"] == [HINTS, ""]


@pytest.mark.parametrize(
    ("case", "hints"),
    [
        ("swallowed without hints", [""]),  # nothing to leave away
        ("swallowed by a partial", [HINTS]),
        ("swallowed again", [HINTS, ""]),
    ],
)
def test_words_stay_where_there_are_no_others_to_believe(
    outcomes: dict[str, Outcome], case: str, hints: list[str]
) -> None:
    assert outcomes[case]["hints"] == hints
    assert said_digits(outcomes[case]["text"]) == "1"


def test_who_has_left_before_the_second_decode_gets_no_words(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["swallowed and left"] == {"text": None, "hints": [HINTS, ""]}
