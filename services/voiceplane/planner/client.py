"""Ask the planner, from a call. When a replica dies another is asked, as long as nothing of the reply was used."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc

from voiceplane.contract.dialogue import PlannerUnavailableError, ReplyEvent, ReplyRequest
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import planner_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry

REPLY_S = 10.0
RETRY_S = 0.1
APPLICATION = "planner"
_FINAL = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT)


class PlannerClient:
    """One channel to the planners' proxy."""

    def __init__(self, stub: Any) -> None:
        """Use this stub."""
        self._stub = stub

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        """Yield the reply; PlannerUnavailableError when none could be had in REPLY_S, or it broke off."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REPLY_S
        wire = convert.request_to_wire(request)
        metadata = (*telemetry.inject(), ("application", APPLICATION))
        while True:
            begun = False
            stream = self._stub.Reply(wire, timeout=max(0.1, deadline - loop.time()), metadata=metadata)
            try:
                async for event in stream:
                    begun = True
                    yield convert.event_from_wire(event)
                return
            except grpc.aio.AioRpcError as error:
                if begun or error.code() in _FINAL or loop.time() + RETRY_S > deadline:
                    details = error.details() if error.code() in _FINAL else error.code().name
                    raise PlannerUnavailableError(f"the planner: {details}") from error
            finally:
                stream.cancel()
            await asyncio.sleep(RETRY_S)


@contextlib.asynccontextmanager
async def open_client(target: str) -> AsyncIterator[PlannerClient]:
    """Connect until the block ends."""
    async with grpc_server.channel(target) as channel:
        yield PlannerClient(planner_pb2_grpc.PlannerStub(channel))
