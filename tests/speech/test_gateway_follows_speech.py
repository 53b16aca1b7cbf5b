"""A real gateway beside a real Triton that is killed and comes back: readiness, OPTIONS and new calls follow it."""

import signal
from collections.abc import Callable

import pytest
from tests.speech.gateway import Gateway
from tests.speech.triton import Triton

from voiceplane.runtime import grpc_server
from voiceplane.testing.phone import CallRefused


async def test_a_gateway_whose_speech_dies_takes_no_new_calls_says_why_and_comes_back(
    make_triton: Callable[[], Triton], gateway_beside: Callable[[str], Gateway]
) -> None:
    triton = make_triton()
    triton.start()
    await triton.until("asr", "turn", "tts")
    gateway = gateway_beside(triton.endpoint)
    await gateway.until(ready=True)
    assert await grpc_server.healthy(gateway.target)
    assert (await gateway.options()).startswith("SIP/2.0 200")
    await gateway.answers()

    triton.stop(signal.SIGKILL)
    reason = await gateway.until(ready=False)
    assert triton.endpoint in reason and "does not answer" in reason
    assert not await grpc_server.healthy(gateway.target)
    answer = await gateway.options()
    assert answer.startswith("SIP/2.0 503") and "Retry-After: 5" in answer
    with pytest.raises(CallRefused) as refused:
        await gateway.answers()
    assert refused.value.status == 503

    triton.start()
    await gateway.until(ready=True)
    assert await grpc_server.healthy(gateway.target)
    assert (await gateway.options()).startswith("SIP/2.0 200")
    await gateway.answers()
