"""The benchmark's table: medians, bounds and what counts as reached."""

from voiceplane.testing.bench.lines import Goal, Line, of_cases, percentile, table
from voiceplane.testing.bench.metrics import Counts

PAGE = """# TYPE voiceplane_speculations_total counter
voiceplane_speculations_total{outcome="confirmed"} %d
voiceplane_speculations_total{outcome="cancelled"} %d
"""


def test_the_95th_percentile_is_the_smallest_value_that_95_percent_do_not_exceed() -> None:
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([1.0, 2.0], 0.95) == 2.0
    assert percentile([], 0.95) is None


def test_a_goal_is_reached_only_when_every_bound_is_kept() -> None:
    goal = Goal(median=300, p95=800)
    assert Line("wait", "ms", (200.0, 250.0, 299.0), goal=goal).reached is True
    assert Line("wait", "ms", (200.0, 250.0, 801.0), goal=goal).reached is False
    assert Line("wait", "ms", (300.0,), goal=goal).reached is False
    assert Line("wait", "ms", (1.0,)).reached is None


def test_what_was_not_measured_reaches_no_goal() -> None:
    assert Line("wait", "ms", (), goal=Goal(median=300)).reached is False
    assert of_cases("cut off", [], Goal(share=5)).reached is False
    assert "not measured" in table([Line("wait", "ms")])


def test_shares_count_cases() -> None:
    assert of_cases("cut off", [True] + [False] * 19, Goal(share=5)).reached is False
    assert of_cases("cut off", [True] + [False] * 20, Goal(share=5)).reached is True
    assert of_cases("itself", [False] * 10, Goal(share=0)).reached is True
    assert of_cases("itself", [True] + [False] * 10, Goal(share=0)).reached is False
    assert "| cut off | 4 | 1 (25 %) |" in table([of_cases("cut off", [True, False, False, False])])


def test_counts_are_the_difference_of_two_pages() -> None:
    change = Counts.parse(PAGE % (9, 4)).since(Counts.parse(PAGE % (2, 3)))
    assert change.total("voiceplane_speculations_total") == 8
    assert change.total("voiceplane_speculations_total", kind=("outcome", "confirmed")) == 7
