"""What a signal does to the work of a command."""

import asyncio
import os
import signal

import pytest

from voiceplane.runtime import shutdown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_work_after_its_clean_up(number: signal.Signals) -> None:
    told: list[str] = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
            return 0
        finally:
            await asyncio.sleep(0)
            told.append("cleaned up")

    assert await shutdown.unless_stopped(work(), stopping=lambda: told.append("stopping")) is None
    assert told == ["stopping", "cleaned up"]


async def test_work_that_ends_by_itself_gives_its_result_or_its_error() -> None:
    async def well() -> int:
        return 3

    async def badly() -> int:
        raise OSError("no such machine")

    assert await shutdown.unless_stopped(well()) == 3
    with pytest.raises(OSError, match="no such machine"):
        await shutdown.unless_stopped(badly())


async def test_work_is_not_left_behind_by_whoever_is_cancelled() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(shutdown.unless_stopped(work()))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled() and ended.is_set()
