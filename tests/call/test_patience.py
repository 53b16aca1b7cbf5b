import asyncio

import pytest

from voiceplane.call.patience import OutOfPatienceError, Patience, bridged, retried

QUICK = Patience(bridge_s=0.02, trouble_s=0.05, give_up_s=0.1)


class Words:
    def __init__(self) -> None:
        self.said: list[str] = []

    async def bridge(self) -> None:
        self.said.append("bridge")

    async def trouble(self) -> None:
        self.said.append("trouble")


async def answer(after_s: float) -> str:
    await asyncio.sleep(after_s)
    return "answer"


async def test_a_quick_answer_is_not_bridged() -> None:
    words = Words()
    said = await bridged(answer(0.0), patience=QUICK, say_bridge=words.bridge, say_trouble=words.trouble)
    assert (said, words.said) == ("answer", [])


async def test_a_slow_answer_is_bridged_and_still_given() -> None:
    words = Words()
    said = await bridged(answer(0.035), patience=QUICK, say_bridge=words.bridge, say_trouble=words.trouble)
    assert said == "answer" and words.said[0] == "bridge"


async def test_no_answer_ends_in_out_of_patience_and_nothing_is_left_running() -> None:
    words = Words()
    before = len(asyncio.all_tasks())
    with pytest.raises(OutOfPatienceError):
        await bridged(answer(60.0), patience=QUICK, say_bridge=words.bridge, say_trouble=words.trouble)
    assert words.said == ["bridge", "trouble"]
    assert len(asyncio.all_tasks()) == before


async def test_a_failing_attempt_is_tried_until_it_works() -> None:
    tries = 0

    async def attempt() -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError
        return tries

    assert await retried(attempt, on=(ConnectionError,), give_up_s=5.0, first_wait_s=0.001) == 3


async def test_the_last_error_leaves_when_time_is_up() -> None:
    async def attempt() -> int:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        await retried(attempt, on=(ConnectionError,), give_up_s=0.02, first_wait_s=0.001)
