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

INVOKE_S = 20.0  # longer than the tool gateway takes for one wish with all its attempts
RETRY_S = 0.2


class ToolsClient:
    """One channel to the tool gateway."""

    def __init__(self, stub: Any) -> None:
        """Use this stub."""
        self._stub = stub

    async def invoke(self, request: ToolRequest, *, within_s: float = INVOKE_S) -> ToolReply:
        """Run a tool; ToolsUnavailableError when no gateway answered within `within_s` seconds.

        The key of the request stays the same, so a tool gateway that ended in the middle is asked again without harm.
        """
        wire = convert.tool_request_to_wire(request)
        last = "DEADLINE_EXCEEDED"
        try:
            async with asyncio.timeout(within_s) as deadline:
                while True:
                    try:
                        reply = await self._stub.Invoke(wire, timeout=_left_s(deadline), metadata=telemetry.inject())
                    except grpc.aio.AioRpcError as error:
                        last = error.code().name
                        if error.code() is not grpc.StatusCode.UNAVAILABLE:
                            raise ToolsUnavailableError(f"the tool gateway: {last}") from error
                    else:
                        return convert.tool_reply_from_wire(reply)
                    await asyncio.sleep(RETRY_S)
        except TimeoutError as error:
            raise ToolsUnavailableError(f"the tool gateway: {last}") from error


def _left_s(deadline: asyncio.Timeout) -> float:
    """Return the seconds until a running timeout, for the deadline on the wire."""
    when = deadline.when()
    assert when is not None
    return max(0.01, when - asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def open_client(target: str) -> AsyncIterator[ToolsClient]:
    """Connect until the block ends."""
    async with grpc_server.channel(target) as channel:
        yield ToolsClient(tools_pb2_grpc.ToolsStub(channel))
