"""The conversation's clock: it stands still on hold, in virtual time."""

import asyncio

import pytest

from voiceplane.call.holding import CallClock
from voiceplane.call.patience import OutOfPatienceError, Patience, bridged
from voiceplane.testing.clock import ManualClock


def clock_at(seconds: float) -> tuple[ManualClock, CallClock]:
    clock = ManualClock(seconds)
    return clock, CallClock(clock)


def test_time_on_hold_does_not_count() -> None:
    clock, call = clock_at(100.0)
    clock.advance(5.0)
    assert call.follow(held=True) and not call.follow(held=True)
    clock.advance(600.0)
    assert call.monotonic() == 105.0
    assert call.follow(held=False) and not call.follow(held=False)
    clock.advance(2.0)
    assert call.monotonic() == 107.0


def test_moments_of_the_media_are_brought_to_the_conversation_and_those_on_hold_are_none() -> None:
    clock, call = clock_at(0.0)
    for began, ended in ((10.0, 20.0), (30.0, 35.0)):
        clock.advance(began - clock.monotonic())
        call.follow(held=True)
        assert call.moment(began + 1.0) is None
        clock.advance(ended - began)
        call.follow(held=False)
    clock.advance(5.0)
    moments = {9.0: 9.0, 10.0: None, 19.9: None, 20.0: 10.0, 29.0: 19.0, 34.0: None, 36.0: 21.0}
    assert {at: call.moment(at) for at in moments} == moments


def test_moments_of_the_conversation_are_dated_as_they_were() -> None:
    clock, call = clock_at(0.0)
    for began, ended in ((10.0, 20.0), (30.0, 35.0)):
        clock.advance(began - clock.monotonic())
        call.follow(held=True)
        clock.advance(ended - began)
        call.follow(held=False)
    clock.advance(5.0)
    dated = {moment: call.wall_ns_at(moment) / 1e9 for moment in (9.0, 11.0, 19.0, 21.0, 25.0)}
    assert dated == pytest.approx({9.0: 9.0, 11.0: 21.0, 19.0: 29.0, 21.0: 36.0, 25.0: 40.0})
    call.follow(held=True)
    clock.advance(50.0)
    assert call.wall_ns_at(24.0) / 1e9 == pytest.approx(39.0)


class Loop:
    """The loop's own time as a Clock."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_ns(self) -> int:
        return 0


async def nothing() -> None:
    return


async def test_nobody_runs_out_of_patience_on_hold() -> None:
    call, answer = CallClock(Loop()), asyncio.Event()
    patience = Patience(bridge_s=0.01, trouble_s=0.02, give_up_s=0.03)
    call.follow(held=True)
    waiting = asyncio.create_task(
        bridged(answer.wait(), patience=patience, say_bridge=nothing, say_trouble=nothing, sleep=call.sleep)
    )
    await asyncio.sleep(0.2)
    assert not waiting.done()
    answer.set()
    assert await waiting
    late = bridged(asyncio.Event().wait(), patience=patience, say_bridge=nothing, say_trouble=nothing, sleep=call.sleep)
    waiting = asyncio.create_task(late)
    await asyncio.sleep(0.1)
    call.follow(held=False)
    with pytest.raises(OutOfPatienceError):
        await waiting


async def test_only_one_hold_that_lasts_too_long_is_too_long() -> None:
    call = CallClock(Loop())
    waiting = asyncio.create_task(call.held_for(0.15))
    for _ in range(4):
        call.follow(held=True)
        await asyncio.sleep(0.06)
        call.follow(held=False)
        await asyncio.sleep(0.01)
    assert not waiting.done()
    call.follow(held=True)
    async with asyncio.timeout(10):
        await waiting
