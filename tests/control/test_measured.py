"""The operator's table, from figures that are known."""

from tests.control.measured import table


def test_a_size_is_a_column_and_a_goal_stands_at_its_size() -> None:
    text = table({100: {"rss_mb": 102.0}, 5000: {"rss_mb": 390.0, "restart_to_steady_s": 41.5}}, 3)
    assert "| over 3 clusters | 100 agents | 5,000 agents | goal |" in text
    assert "| operator memory, highest | 102 MB | 390 MB | < 400 MB at 5,000 |" in text
    assert "| restart to steady |  | 41.5 s | < 60 s at 5,000 |" in text


def test_a_size_that_failed_says_so() -> None:
    assert "| operator memory, highest | failed |" in table({100: None}, 3)
