"""A process that dies while it works for a caller: a bridging phrase first, then what is true."""

import asyncio
import os
import signal
import subprocess
from typing import Any

import httpx
import pytest
from tests.e2e.caller import Caller
from tests.e2e.conftest import SLOW_PARCEL

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(420)]
ASKS = "Can you track my package?"
BRIDGE = "One moment, please."


async def test_a_tool_gateway_that_dies_while_it_asks_is_bridged_and_the_true_status_told(running: Any) -> None:
    asked: list[int] = []

    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.ask(ASKS)
        asked[:] = [await _parcel_requests(running)]
        await caller.press(f"{SLOW_PARCEL}#")
        for _ in range(500):
            if await _parcel_requests(running) > asked[0]:
                break
            await asyncio.sleep(0.02)
        running.kill("tools")  # its request lies at the parcel system for 1.5 s
        await caller.hear_out(begin_s=60)
        await running.restarted("tools")
        await caller.stay(8.0)

    _bridged_then((await running.lead(talk)).said, "is delivered")
    assert await _parcel_requests(running) > asked[0] + 1, "the tool was not asked again"


async def test_a_planner_replica_that_dies_with_a_request_is_bridged_and_replaced(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        replicas = await asyncio.to_thread(_replicas, running)
        for pid in replicas:
            os.kill(pid, signal.SIGSTOP)  # the next request stays with it
        try:
            await caller.say(ASKS)
            await caller.call.wait_for_agent_speech(timeout_s=30)  # the bridge: there can be no reply
        finally:
            for pid in replicas:
                os.kill(pid, signal.SIGKILL)
        await running.restarted("gateway")
        await caller.stay(8.0)

    _bridged_then((await running.lead(talk)).said, "parcel number")


def _bridged_then(said: str, words: str) -> None:
    assert BRIDGE in said and words in said, said
    assert said.index(BRIDGE) < said.rindex(words), said


async def _parcel_requests(running: Any) -> int:
    async with httpx.AsyncClient(timeout=5.0) as client:
        return int((await client.get(f"http://{running.endpoints.parcels}/")).json()["requests"])


def _replicas(running: Any) -> list[int]:
    """Find the planner's replicas: children of this stack's raylet."""
    raylet = _children(running.stack.pid("planner"), "raylet")[0]
    found = _children(raylet, "ServeReplica")
    assert found, "no planner replica runs"
    return found


def _children(parent: int, words: str) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(parent), "-f", words], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]
