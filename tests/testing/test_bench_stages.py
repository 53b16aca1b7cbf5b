"""Where a turn's wait went, from its marks."""

import pytest

from voiceplane.testing.bench.lines import Line
from voiceplane.testing.bench.stages import STAGES, behind_phrase, divided, table

ASKED = {"endpointing": 200.0, "recognized": 210.0, "planned": 230.0, "phrase": 232.0}
TOOL = ASKED | {"tool": 300.0, "phrase": 310.0}


@pytest.mark.parametrize(
    ("marks", "planner", "tool"),
    [(ASKED, 22.0, None), (TOOL, 30.0, 70.0)],
)
def test_the_stages_of_a_wait_add_up_to_it(marks: dict[str, float], planner: float, tool: float | None) -> None:
    marks = marks | {"speech_synthesized": 400.0, "first_audio": 420.0}
    found = divided(marks)
    assert found is not None
    assert (found["planner"], found.get("tool")) == (planner, tool)
    assert sum(found.values()) == pytest.approx(420.0)


def test_a_turn_in_which_a_bridge_spoke_first_is_not_divided() -> None:
    assert divided(ASKED | {"speech_cached": 220.0, "first_audio": 240.0}) is None
    assert behind_phrase(ASKED | {"speech_cached": 220.0, "first_audio": 240.0}, "cached") is None


def test_only_speech_that_was_synthesized_then_is_timed_as_synthesis() -> None:
    marks = ASKED | {"speech_rehearsed": 233.0, "first_audio": 240.0}
    assert behind_phrase(marks, "synthesized") is None
    assert behind_phrase(marks, "rehearsed") == pytest.approx(8.0)


def test_the_table_of_stages_names_those_that_were_measured() -> None:
    made = [Line(f"- of it {stage}, by the gateway's clock", "ms", (10.0, 30.0)) for stage in STAGES[:2]]
    text = table(made)
    assert "| endpointing | 2 | 20 ms | 30 ms | 50 % |" in text
    assert "wire" not in text
