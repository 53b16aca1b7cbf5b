"""A stack that is stopped hangs up first: whoever is on the line hears a BYE, not silence."""

from voiceplane.call.calls_service import CallsService
from voiceplane.call.ending import Ending
from voiceplane.call.hub import CallHub, LiveCall
from voiceplane.cli.live_commands import hang_up_all
from voiceplane.contract.ids import new_call_id
from voiceplane.rpc.v1 import calls_pb2_grpc
from voiceplane.runtime import grpc_server


async def test_every_live_call_is_hung_up_and_no_new_one_is_taken() -> None:
    hub = CallHub(lambda: 7)
    live = [LiveCall(new_call_id(), "support/desk", "abc", 1, Ending()) for _ in range(2)]
    for call in live:
        hub.add(call)
    drained: list[bool] = []

    async def drain() -> None:
        drained.append(not any(call.ending.settled for call in live))

    service = CallsService(hub, drain=drain, draining=lambda: bool(drained))
    register = lambda server: calls_pb2_grpc.add_CallsServicer_to_server(service, server)  # noqa: E731
    async with grpc_server.serve(register, host="127.0.0.1", port=0, grace_s=0.0) as server:
        assert await hang_up_all(f"127.0.0.1:{server.port}") == 2
    assert drained == [True]
    assert all(call.ending.settled for call in live)


async def test_a_gateway_that_is_gone_has_no_calls() -> None:
    assert await hang_up_all("127.0.0.1:9") == 0
