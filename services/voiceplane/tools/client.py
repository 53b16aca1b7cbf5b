"""Ask the tool gateway, from a call. A gateway that restarts is asked again with the same idempotency key."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc

from voiceplane.contract.dialogue import ToolReply, ToolRequest, ToolsUnavailableError
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import tools_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry

INVOKE_S = 20.0  # longer than any tool's own timeouts and retries should be
RETRY_S = 0.2


class ToolsClient:
    """One channel to the tool gateway."""

    def __init__(self, stub: Any) -> None:
        """Use this stub."""
        self._stub = stub

    async def invoke(self, request: ToolRequest) -> ToolReply:
        """Run a tool; ToolsUnavailableError when no gateway answered in INVOKE_S."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + INVOKE_S
        wire = convert.tool_request_to_wire(request)
        while True:
            try:
                left = max(0.1, deadline - loop.time())
                reply = await self._stub.Invoke(wire, timeout=left, metadata=telemetry.inject())
                return convert.tool_reply_from_wire(reply)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or loop.time() + RETRY_S > deadline:
                    raise ToolsUnavailableError(f"the tool gateway: {error.code().name}") from error
            await asyncio.sleep(RETRY_S)


@contextlib.asynccontextmanager
async def open_client(target: str) -> AsyncIterator[ToolsClient]:
    """Connect until the block ends."""
    async with grpc_server.channel(target) as channel:
        yield ToolsClient(tools_pb2_grpc.ToolsStub(channel))
