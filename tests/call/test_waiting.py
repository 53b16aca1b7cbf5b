import asyncio

from voiceplane.call.waiting import Waiting


async def test_what_comes_in_the_same_loop_step_is_taken_one_after_the_other_and_none_is_lost() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue(4)
    keys: asyncio.Queue[str] = asyncio.Queue(4)
    waiting = Waiting({"turn": turns.get, "keys": keys.get})
    taking = asyncio.create_task(waiting.next())
    await asyncio.sleep(0)
    keys.put_nowait("12")
    turns.put_nowait("hello")
    assert await taking == "hello"
    assert await waiting.next() == "12"
    await waiting.close()


async def test_a_passing_source_is_given_up_when_something_else_came_first() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue(4)
    waiting = Waiting({"turn": turns.get})
    stopped = asyncio.Event()

    async def late() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return "late"

    async def ready() -> str:
        return "ready"

    taking = asyncio.create_task(waiting.next(late()))
    await asyncio.sleep(0)
    turns.put_nowait("hello")
    assert await taking == "hello" and stopped.is_set()
    assert await waiting.next(ready()) == "ready"
    await waiting.close()


async def test_forgotten_results_are_not_taken_and_their_source_is_asked_anew() -> None:
    turns: asyncio.Queue[str] = asyncio.Queue(4)
    orders: asyncio.Queue[str] = asyncio.Queue(4)
    waiting = Waiting({"order": orders.get, "turn": turns.get})
    taking = asyncio.create_task(waiting.next())
    await asyncio.sleep(0)
    orders.put_nowait("go")
    turns.put_nowait("stale")
    assert await taking == "go"
    waiting.forget("turn")
    turns.put_nowait("fresh")
    assert await waiting.next() == "fresh"
    await waiting.close()
