"""A real gateway process from its start without speech to its end with a call that is still live."""

import asyncio
import re
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.speech.gateway import AGENT, Gateway, start_gateway, stop_gateway
from tests.speech.triton import free_port

from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def takes_no_call(gateway: Gateway, retry_after: str) -> None:
    assert not await grpc_server.healthy(gateway.target)
    for method in ("OPTIONS", "INVITE"):
        answer = await gateway.asked(method)
        assert answer.startswith("SIP/2.0 503") and f"Retry-After: {retry_after}\r\n" in answer


async def test_a_gateway_that_cannot_speak_yet_says_at_every_door_what_it_waits_for(tmp_path: Path) -> None:
    agent = tmp_path / "agent.yaml"  # with an opening that no cache holds
    agent.write_text(re.sub(r'opening: ".*"', f'opening: "Hello, {uuid.uuid4()}."', AGENT.read_text()))
    nobody = f"127.0.0.1:{free_port()}"
    gateway = start_gateway(nobody, tmp_path, agent=agent)
    try:
        reason = await gateway.until_says(lambda _, body: nobody in body)
        assert reason.startswith("waiting for speech: ") and "does not answer" in reason
        assert (await gateway.readyz())[0] == 503
        await takes_no_call(gateway, "5")
        assert gateway.process.poll() is None
        gateway.process.send_signal(signal.SIGTERM)
        assert await gateway.left() == 0, gateway.log.read_text()[-3000:]
    finally:
        stop_gateway(gateway)


async def test_a_gateway_that_is_told_to_end_refuses_new_calls_and_lets_the_live_one_finish(
    endpoint: str, gateway_beside: Callable[[str], Gateway]
) -> None:
    gateway = gateway_beside(endpoint)
    await gateway.until(ready=True)
    async with gateway.phone() as call:
        await call.wait_for_agent_speech()
        gateway.process.send_signal(signal.SIGTERM)
        assert await gateway.until(ready=False) == "draining\n"
        await takes_no_call(gateway, "60")
        before = call.media.received
        await asyncio.sleep(0.5)
        assert not call.ended and call.media.received > before
        assert gateway.process.poll() is None
        await call.hang_up()
    assert await gateway.left() == 0, gateway.log.read_text()[-3000:]


async def test_a_drain_over_grpc_closes_every_door_and_ends_nothing(
    endpoint: str, gateway_beside: Callable[[str], Gateway]
) -> None:
    gateway = gateway_beside(endpoint)
    await gateway.until(ready=True)
    async with gateway.phone() as call:
        await call.wait_for_agent_speech()
        async with grpc_server.channel(gateway.target) as channel:
            stub: Any = calls_pb2_grpc.CallsStub(channel)
            assert (await stub.Drain(calls_pb2.DrainRequest(), timeout=5)).live_calls == 1
        assert await gateway.readyz() == (503, "draining\n")
        await takes_no_call(gateway, "60")
        assert not call.ended
        await call.hang_up()
    assert gateway.process.poll() is None
