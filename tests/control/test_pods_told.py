"""What an agent's status tells of a pod in trouble: why its container ended, not how long the kubelet pauses."""

from typing import Any

import pytest

from voiceplane_operator import names
from voiceplane_operator.decide import facts

CRASHED = "no speech profile is named 'gpu-large'; there are cpu-base, cpu-small"
PAUSE = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=speech"}}
RUNNING = {"running": {"startedAt": "2026-11-27T20:38:47Z"}}


def problem(state: dict[str, Any], last: dict[str, Any], *, restarts: int, ready: bool = False) -> str:
    container = {"name": "speech", "ready": ready, "restartCount": restarts, "state": state}
    container["lastState"] = {"terminated": last} if last else {}
    meta = {"name": "a-speech-1", "labels": {names.COMPONENT: "speech"}}
    return facts.pod({"metadata": meta, "status": {"containerStatuses": [container]}}).problem


def ended(code: int, words: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "message": words}


@pytest.mark.parametrize("state", [PAUSE, RUNNING], ids=["between its tries", "while it is tried once more"])
def test_a_container_that_ends_again_and_again_is_told_with_its_last_words(state: dict[str, Any]) -> None:
    told = problem(state, ended(1, f"loading\n{CRASHED}\n\n"), restarts=3)
    assert told == f"CrashLoopBackOff: container speech ended 3 times, at last with status 1: {CRASHED}"


def test_a_container_without_memory_is_told_as_killed_without_words_of_its_log() -> None:
    told = problem(PAUSE, ended(137, "ready", reason="OOMKilled"), restarts=2)
    assert told == "CrashLoopBackOff: container speech ended 2 times, at last with OOMKilled (137)"


def test_last_words_are_bounded() -> None:
    assert len(problem(PAUSE, ended(1, "x" * 5000), restarts=2)) < 400


@pytest.mark.parametrize(
    ("state", "last", "restarts", "ready", "told"),
    [
        (RUNNING, ended(1, CRASHED), 3, True, ""),  # it is well by now
        (RUNNING, ended(1, CRASHED), 1, False, ""),  # it may be a start that was too early
        (RUNNING, {}, 0, False, ""),
        (PAUSE, ended(1, CRASHED), 1, False, "CrashLoopBackOff: back-off 5m0s restarting failed container=speech"),
        ({"waiting": {"reason": "ErrImagePull", "message": "not found"}}, {}, 0, False, "ErrImagePull: not found"),
    ],
)
def test_other_states_are_told_as_before(
    state: dict[str, Any], last: dict[str, Any], restarts: int, ready: bool, told: str
) -> None:
    assert problem(state, last, restarts=restarts, ready=ready) == told
