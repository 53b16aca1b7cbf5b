"""A real gateway process with --max-calls or --max-cps: the call over its limit hears when to try again."""

import asyncio
from collections.abc import Callable

import pytest
from tests.speech.gateway import Gateway
from tests.waiting import until

from voiceplane.runtime import grpc_server
from voiceplane.testing.phone import CallRefused

pytestmark = pytest.mark.asyncio(loop_scope="session")


def is_refused(answer: str, retry_after: int) -> bool:
    return answer.startswith("SIP/2.0 503") and f"Retry-After: {retry_after}\r\n" in answer


async def test_a_full_gateway_refuses_calls_until_one_hangs_up(
    endpoint: str, gateway_beside: Callable[..., Gateway]
) -> None:
    gateway = gateway_beside(endpoint, "--max-calls=1")
    await gateway.until(ready=True)
    async with gateway.phone() as call:
        for method in ("INVITE", "OPTIONS"):
            answer = await gateway.asked(method)
            assert is_refused(answer, 5), answer
        assert await grpc_server.healthy(gateway.target) and (await gateway.readyz())[0] == 200  # full is not broken
        before = call.media.received
        await call.wait_for_agent_speech()
        assert not call.ended and call.media.received > before
        await call.hang_up()
    assert (await gateway.options()).startswith("SIP/2.0 200")
    await gateway.answers()


async def test_calls_that_come_too_fast_are_refused_and_a_later_one_is_taken(
    endpoint: str, gateway_beside: Callable[..., Gateway]
) -> None:
    gateway = gateway_beside(endpoint, "--max-cps=0.1")
    await gateway.until(ready=True)
    await gateway.answers()
    answer = await gateway.asked("INVITE")
    assert is_refused(answer, 1), answer
    assert (await gateway.options()).startswith("SIP/2.0 200")  # it is not full: a trunk goes on asking here
    async with asyncio.timeout(60):
        while True:
            try:
                await gateway.answers()
                return
            except CallRefused as refused:
                assert refused.status == 503
                await asyncio.sleep(1)


async def test_a_call_without_a_packet_is_hung_up_as_such_and_the_next_is_taken(
    endpoint: str, gateway_beside: Callable[..., Gateway]
) -> None:
    gateway = gateway_beside(endpoint, "--media-timeout=1")
    await gateway.until(ready=True)
    async with gateway.phone() as call:
        call.media.sending = False
        await until(lambda: call.ended, within_s=30)
        assert call.facts.ended_by == "them"
    await until(lambda: any(b"media-timeout" in file.read_bytes() for file in gateway.spooled()), within_s=30)
    await gateway.answers()
