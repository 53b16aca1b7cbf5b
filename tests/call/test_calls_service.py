"""The Calls service over real gRPC: what an operator may ask of a live call."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from voiceplane.call.calls_service import CallsService
from voiceplane.call.ending import Ending
from voiceplane.call.hub import CallHub, LiveCall
from voiceplane.contract.ids import new_call_id
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server


async def no_drain() -> None:
    return None


@pytest.fixture
async def desk() -> AsyncIterator[tuple[Any, LiveCall]]:
    hub = CallHub(lambda: 7)
    call = LiveCall(new_call_id(), "support/desk", "abc", 1, Ending())
    hub.add(call)
    service = CallsService(hub, drain=no_drain, draining=lambda: False)
    register = lambda server: calls_pb2_grpc.add_CallsServicer_to_server(service, server)  # noqa: E731
    async with (
        grpc_server.serve(register, host="127.0.0.1", port=0, grace_s=0.0) as server,
        grpc_server.channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield calls_pb2_grpc.CallsStub(channel), call


@pytest.mark.parametrize(
    "target",
    [
        "sip:queue@pbx.example",
        "sips:queue@pbx.example:5061;transport=tcp",
        "sip:+15550100@192.0.2.7?Subject=parcel",
        "sip:queue@[2001:db8::1]",
        "tel:+1-555-0100",
        "tel:0100;phone-context=+1555",
    ],
)
async def test_a_call_is_asked_to_go_to_a_uri(desk: tuple[Any, LiveCall], target: str) -> None:
    stub, call = desk
    reply = await stub.Transfer(calls_pb2.TransferCallRequest(call_id=call.call_id, target=target), timeout=5)
    assert reply.sip_status == 202 and call.transfer.get_nowait() == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "queue@pbx.example",
        "http://pbx.example/",
        "sip:",
        "tel:",
        "tel:operator",
        "sip:queue@pbx.example\r\nX-Evil: 1",
        "sip:queue@pbx.example\n",
        "sip:queue@pbx.example\0",
        "sip:queue@pbx.example>;evil=<sip:x@y",
        'sip:"queue"@pbx.example',
        "sip:two words@pbx.example",
        "sip:quéue@pbx.example",
        "sip:" + "x" * 300,
    ],
)
async def test_a_target_that_could_write_headers_or_is_no_uri_is_refused_with_an_example(
    desk: tuple[Any, LiveCall], target: str
) -> None:
    stub, call = desk
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Transfer(calls_pb2.TransferCallRequest(call_id=call.call_id, target=target), timeout=5)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "such as sip:queue@pbx.example" in (refused.value.details() or "")
    assert call.transfer.empty()


async def test_a_second_transfer_waits_for_the_first(desk: tuple[Any, LiveCall]) -> None:
    stub, call = desk
    wish = calls_pb2.TransferCallRequest(call_id=call.call_id, target="sip:queue@pbx.example")
    await stub.Transfer(wish, timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Transfer(wish, timeout=5)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
