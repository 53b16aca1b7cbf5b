"""Ports of stacks that start at the same time: nobody chooses what another has chosen and not bound yet."""

import random
import subprocess
import sys
from collections.abc import Sequence

import pytest

from voiceplane.cli import ports

CHOOSE = """
from voiceplane.cli import ports
ports.random.sample = lambda candidates, count: list(range(24123, 24323))
print(next(ports.free_ports()), flush=True)
input()
"""


def test_a_port_that_another_process_has_chosen_is_not_chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(candidates: Sequence[int], count: int) -> list[int]:
        return list(range(24123, 24323))

    with subprocess.Popen(
        (sys.executable, "-c", CHOOSE), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        first = int(other.stdout.readline())
        monkeypatch.setattr(random, "sample", same)
        second = next(ports.free_ports())
        third = next(ports.free_ports())
        other.communicate("\n", timeout=20)
    assert first < second < third, "in the order that all were offered, each to one of them"


def test_only_as_many_claims_are_kept_as_a_stack_needs() -> None:
    free = ports.free_ports()
    first = next(free)
    assert not ports.claimed(first)
    for _ in range(ports.CLAIMS):
        next(free)
    assert ports.claimed(first), "whoever chose it had time to bind it"
