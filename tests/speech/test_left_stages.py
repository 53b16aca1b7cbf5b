"""The recognizer in Triton's environment: who leaves costs no further stage, who stays hears the same."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voiceplane.runtime import models
from voiceplane.speech.environment import INSIDE, triton_environment

SAID = ("I would like to speak to a person, please.", "Where is my other parcel?", "My number is four five six.")
Outcomes = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def outcomes(flite: Callable[[str], Path]) -> Outcomes:
    environment = triton_environment()
    script = Path(__file__).with_name("recognize_left.py")
    done = subprocess.run(
        [
            environment.root / "bin/python",
            script,
            INSIDE,
            models.model("whisper-tiny-en").folder,
            *(flite(words) for words in SAID),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    found: Outcomes = json.loads(done.stdout)
    return found


def test_who_stays_in_a_batch_hears_the_same_words_when_another_leaves(outcomes: Outcomes) -> None:
    texts = outcomes["all stay"]["texts"]
    assert all(texts)
    for time in range(3):
        assert outcomes[f"one leaves at {time}"]["texts"] == [*texts[:-1], None]


def test_who_leaves_a_batch_is_in_no_later_stage(outcomes: Outcomes) -> None:
    assert outcomes["all stay"]["stages"] == ["encode 3", "generate 3", "align 1", "align 1", "align 1"]
    assert outcomes["one leaves at 0"]["stages"] == ["encode 2", "generate 2", "align 1", "align 1"]
    assert outcomes["one leaves at 1"]["stages"] == ["encode 3", "generate 2", "align 1", "align 1"]
    assert outcomes["one leaves at 2"]["stages"] == ["encode 3", "generate 3", "align 1", "align 1"]


def test_a_batch_that_all_have_left_goes_no_further(outcomes: Outcomes) -> None:
    assert [outcomes[f"all leave at {time}"]["stages"] for time in range(3)] == [
        [],
        ["encode 3"],
        ["encode 3", "generate 3"],
    ]
    assert outcomes["all leave at 0"]["texts"] == [None, None, None]
