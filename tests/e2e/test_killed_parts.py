"""A process that dies while it works for a caller: a bridging phrase first, then what is true."""

import asyncio
import os
import signal
import subprocess
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import SLOW_PARCEL

from voiceplane.cli.voices import FliteVoice
from voiceplane.testing.phone import Phone

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
ASKS = "Can you track my package?"
BRIDGE = "One moment, please."


async def test_a_tool_gateway_that_dies_while_it_asks_is_bridged_and_the_true_status_told(running: Any) -> None:
    async with Phone(running.endpoints.sip) as call:
        await call.wait_for_agent_silence(timeout_s=20)
        await running.ask(call, ASKS)
        before = await _parcel_requests(running)
        await call.dtmf(f"{SLOW_PARCEL}#")
        for _ in range(500):
            if await _parcel_requests(running) > before:
                break
            await asyncio.sleep(0.02)
        running.kill("tools")  # its request lies at the parcel system for 1.5 s
        await call.wait_for_agent_silence(timeout_s=60, quiet_ms=8000)
        call_id = call.leg.dialog.remote_session_id
    _bridged_then(await _said(running, call_id), "is delivered")
    assert await _parcel_requests(running) > before + 1, "the tool was not asked again"


async def test_a_planner_replica_that_dies_with_a_request_is_bridged_and_replaced(running: Any) -> None:
    sound = await FliteVoice().speak(ASKS)

    async def place() -> str:
        async with Phone(running.endpoints.sip) as call:
            await call.wait_for_agent_silence(timeout_s=20)
            replicas = await asyncio.to_thread(_replicas, running)
            for pid in replicas:
                os.kill(pid, signal.SIGSTOP)  # the next request stays with it
            try:
                await call.say(sound)
                await call.wait_for_agent_speech()  # the bridge: there can be no reply
            finally:
                for pid in replicas:
                    os.kill(pid, signal.SIGKILL)
            await call.wait_for_agent_silence(timeout_s=60, quiet_ms=8000)
            return str(call.leg.dialog.remote_session_id)

    _bridged_then(" ".join(await running.answers(place)), "parcel number")


def _bridged_then(said: str, words: str) -> None:
    assert BRIDGE in said and words in said, said
    assert said.index(BRIDGE) < said.rindex(words), said


async def _said(running: Any, call_id: str) -> str:
    record, _ = await running.record(call_id)
    return " ".join(turn.text_pii for turn in record.turns if turn.speaker == "agent")


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
