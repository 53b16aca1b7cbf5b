"""The Calls service of a gateway: list, watch, transfer, hang up, press keys, drain. A thin shell over call.hub."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from voiceplane.call.ending import OPERATOR
from voiceplane.call.hub import CallHub
from voiceplane.contract.base import TARGET
from voiceplane.media.dtmf import KEYS
from voiceplane.media.sender import MAX_KEYS
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_TARGET = re.compile(TARGET)
_DIGITS = re.compile(f"[{KEYS}{KEYS.lower()}]{{1,{MAX_KEYS}}}")
_TARGET_HELP = (
    "target must be one URI without spaces, line breaks, quotes or angle brackets, "
    "such as sip:queue@pbx.example or tel:+15550100"
)


class CallsService(calls_pb2_grpc.CallsServicer):
    """Serve one gateway's hub."""

    def __init__(self, hub: CallHub, *, drain: Callable[[], Awaitable[None]], draining: Callable[[], bool]) -> None:
        """Serve this hub; `drain` starts refusing new calls."""
        self._hub = hub
        self._drain = drain
        self._draining = draining

    async def List(self, request: calls_pb2.ListCallsRequest, context: Context) -> calls_pb2.ListCallsResponse:
        """Return the live calls."""
        calls = [
            calls_pb2.LiveCall(
                call_id=call.call_id,
                agent=call.agent,
                revision=call.revision,
                state=call.state,
                started_unix_ns=call.started_ns,
                turns=call.turns,
            )
            for call in self._hub.live()
        ]
        return calls_pb2.ListCallsResponse(calls=calls, draining=self._draining())

    async def Watch(self, request: calls_pb2.WatchCallsRequest, context: Context) -> AsyncIterator[calls_pb2.CallEvent]:
        """Stream events until the watcher leaves."""
        events = self._hub.watch(request.call_id)
        await context.send_initial_metadata(())  # tells the watcher that it is registered
        async for event in events:
            yield calls_pb2.CallEvent(
                call_id=event.call_id, at_unix_ns=event.at_ns, kind=event.kind, facts=dict(event.facts)
            )

    async def Transfer(
        self, request: calls_pb2.TransferCallRequest, context: Context
    ) -> calls_pb2.TransferCallResponse:
        """Ask a live call to transfer itself; the outcome is an event of the call."""
        call = self._hub.find(request.call_id)
        if call is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no live call has this id")
        if _TARGET.fullmatch(request.target) is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, _TARGET_HELP)
        assert call is not None
        try:
            call.transfer.put_nowait(request.target)
        except asyncio.QueueFull:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "a transfer of this call is under way")
        return calls_pb2.TransferCallResponse(sip_status=202)

    async def HangUp(self, request: calls_pb2.HangUpCallRequest, context: Context) -> calls_pb2.HangUpCallResponse:
        """End a live call by BYE."""
        call = self._hub.find(request.call_id)
        if call is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no live call has this id")
        assert call is not None
        call.ending.settle(OPERATOR)
        return calls_pb2.HangUpCallResponse()

    async def SendDigits(self, request: calls_pb2.SendDigitsRequest, context: Context) -> calls_pb2.SendDigitsResponse:
        """Press keys in a live call; they may be a secret, so only their number is told."""
        call = self._hub.find(request.call_id)
        if call is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no live call has this id")
        if _DIGITS.fullmatch(request.digits) is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"digits are 1 to {MAX_KEYS} of {KEYS}")
        assert call is not None
        if call.press is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the call is not answered yet")
        assert call.press is not None
        try:
            call.press(request.digits)
        except ValueError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        self._hub.tell(call.call_id, "keys", {"count": str(len(request.digits))})
        return calls_pb2.SendDigitsResponse()

    async def Drain(self, request: calls_pb2.DrainRequest, context: Context) -> calls_pb2.DrainResponse:
        """Refuse new calls from now on; live calls go on."""
        await self._drain()
        return calls_pb2.DrainResponse(live_calls=len(self._hub.live()))
