"""What the load suite makes of its steps."""

import pytest
from prometheus_client import generate_latest

from voiceplane.media.pacer import Meter
from voiceplane.media.told import told
from voiceplane.testing.bench import load
from voiceplane.testing.bench.caller import Held
from voiceplane.testing.bench.load import Step, capacity, growth
from voiceplane.testing.bench.metrics import Counts
from voiceplane.testing.bench.place import Effort, Place, Usage

IDLE = {part: Usage(100.0, 0.0) for part in load.WATCHED}


def step(memory_mb: float, cpu_s: float) -> Step:
    settled = {part: Usage(memory_mb, 0.0) for part in load.WATCHED}
    busy = {part: Usage(memory_mb, cpu_s / len(load.WATCHED)) for part in load.WATCHED}
    return Step([Held()], IDLE, settled, busy, 10.0, 0.0, Counts({}), (0, 0))


def test_capacity_is_of_the_last_step_before_the_first_that_broke() -> None:
    done = {5: step(110, 2.0), 10: step(120, 5.0), 20: step(140, 15.0)}
    line = capacity(done, {20: "median wait 700 ms"}, 2)
    assert line.values == (10 / 0.5,)
    assert capacity(done, {5: "1 % of packets late", 20: "x"}, 2).values == (0.0,)


def test_memory_a_call_is_the_slope_over_steps_whatever_idle_memory_was() -> None:
    lines = growth({5: step(110, 1.0), 10: step(120, 1.0), 20: step(140, 1.0)})
    assert [line.values[0] for line in lines] == pytest.approx([2.0, 2.0, 2.0])


async def test_steps_with_a_goal_run_also_when_the_first_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    async def one(place: Place, number: int, **_: object) -> Step:
        ran.append(number)
        return step(100.0 + number, 1.0)

    monkeypatch.setattr(load, "_step", one)
    monkeypatch.setattr(load, "lines", lambda step, number: [])
    place = Place("", "", None, None, None, None, lambda: IDLE, lambda text: None, 2)  # type: ignore[arg-type]
    await load.run(place, Effort())
    assert ran == [5, 10]


def test_packets_that_left_late_are_those_of_the_gateways_own_page_in_that_time() -> None:
    meter = Meter()
    with told(meter.read):
        meter.add(30.0)
        before = Counts.parse(generate_latest().decode())
        for late_ms in (0.2, 20.0, 20.5, 400.0):
            meter.add(late_ms)
        change = Counts.parse(generate_latest().decode()).since(before)
    line = load.own_late(change, "10 calls at once")
    assert (line.cases, line.count) == (2, 4)
