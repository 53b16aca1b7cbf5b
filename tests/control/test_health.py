"""Liveness is progress, told so that a person can read it."""

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from voiceplane_operator.__main__ import _parser
from voiceplane_operator.hub.queue import Key, KeyedQueue, Urgency
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Store
from voiceplane_operator.process import health, settings
from voiceplane_operator.process.health import STUCK_S
from voiceplane_operator.process.operate import Operation
from voiceplane_operator.regions.fleet import Fleet

pytestmark = pytest.mark.asyncio
ONE, TWO = Key("VoiceAgent", "a/one"), Key("VoiceAgent", "a/two")


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _asked(port: int, path: str = "/healthz") -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def _told(port: int) -> tuple[int, dict[str, Any]]:
    status, text = await _asked(port)
    return status, json.loads(text)


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def queue(clock: _Clock) -> KeyedQueue:
    return KeyedQueue(clock)


@pytest.fixture
async def port(queue: KeyedQueue) -> AsyncIterator[int]:
    fleet = Fleet(None, "hub", lambda _: None, lambda _: None)  # type: ignore[arg-type]
    hub = Hub("hub", None, Store(), fleet, queue)  # type: ignore[arg-type]
    operation = Operation(hub, settings.read(_parser().parse_args(["run"])))
    meta = {"name": "one", "namespace": "a", "uid": "u", "resourceVersion": "1", "generation": 1}
    operation.tell("ADDED", {"kind": "VoiceAgent", "metadata": meta})
    serving = health.serving(
        "127.0.0.1", 0, progress=operation.progress, lacks=lambda: hub.schema_problem, refresh=lambda: None
    )
    async with serving as port:
        yield port


async def test_a_pass_that_does_not_end_fails_liveness_and_is_named(
    port: int, queue: KeyedQueue, clock: _Clock
) -> None:
    assert await queue.get() == ONE
    status, told = await _told(port)
    assert (status, told["healthy"], told["pass_of"]) == (200, True, "VoiceAgent a/one")
    assert set(told["heard_s"]) == {"VoiceAgent"}
    clock.now = STUCK_S + 1
    status, told = await _told(port)
    assert status == 503 and "the pass of VoiceAgent a/one has not ended for 151 s" in told["problem"]
    queue.done(ONE)
    assert (await _told(port))[0] == 200


async def test_keys_that_nobody_takes_up_fail_liveness_but_not_while_passes_end(
    port: int, queue: KeyedQueue, clock: _Clock
) -> None:
    queue.add(TWO, Urgency.RESYNC, delay_s=5.0)
    clock.now = STUCK_S + 3  # one is due since 0, two since 5
    status, told = await _told(port)
    assert status == 503 and told["due"] == "VoiceAgent a/one" and told["due_s"] == told["idle_s"] == 153
    assert await queue.get() == ONE
    queue.failed(ONE)
    clock.now += 10
    status, told = await _told(port)
    assert (status, told["due"], told["due_s"], told["idle_s"]) == (200, "VoiceAgent a/two", 158, 10)
    assert told["depth"] == 2


async def test_a_queue_with_nothing_under_way_says_so_exactly() -> None:
    clock = itertools.count(1.0)  # no two looks at it are the same
    queue = KeyedQueue(lambda: next(clock))
    assert queue.oldest_active() == (None, 0.0) == queue.oldest_due()
