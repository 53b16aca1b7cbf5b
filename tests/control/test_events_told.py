"""The Event that tells of a condition: a Warning is something to look at, and an edit is none."""

import pytest

from voiceplane_operator.hub import store
from voiceplane_operator.hub.shared import changed, event

AGENT = {
    "kind": "VoiceAgent",
    "metadata": {"name": "desk", "namespace": "support", "uid": "1", "resourceVersion": "1"},
    "spec": {},
}


@pytest.mark.parametrize(
    ("kind", "state", "reason", "told"),
    [
        ("Ready", "True", "Serving", "Normal"),
        ("Ready", "False", "Starting", "Normal"),  # somebody has edited the agent: what served goes on
        ("Ready", "False", "Deleted", "Normal"),
        ("Ready", "False", "PodsInTrouble", "Warning"),
        ("Ready", "Unknown", "RegionLost", "Warning"),
        ("Stalled", "True", "Invalid", "Warning"),
        ("Stalled", "False", "Progressing", "Normal"),
    ],
)
def test_only_what_is_wrong_is_a_warning(kind: str, state: str, reason: str, told: str) -> None:
    condition = {"type": kind, "status": state, "reason": reason, "message": "words"}
    assert event(store.read(AGENT), condition)["type"] == told


def ready(state: str, reason: str) -> list[dict[str, str]]:
    return [{"type": "Ready", "status": state, "reason": reason, "message": ""}]


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        (ready("False", "Starting"), ready("False", "PodsInTrouble"), True),  # nobody was told that it began
        (ready("False", "PodsInTrouble"), ready("False", "RolloutStuck"), False),
        (ready("False", "PodsInTrouble"), ready("False", "Starting"), False),
        ([], ready("False", "Starting"), False),
        ([], ready("False", "PodsInTrouble"), True),
        (ready("False", "Starting"), ready("True", "Serving"), True),
        (ready("True", "Serving"), ready("True", "ServingInTrouble"), False),
    ],
)
def test_an_agent_that_begins_and_gets_into_trouble_is_news(
    before: list[dict[str, str]], after: list[dict[str, str]], news: bool
) -> None:
    assert bool(changed(before, after)) is news
