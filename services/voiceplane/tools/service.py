"""The Tools service: the wire around tools.invoke, with a span and a measurement for each tool."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from opentelemetry.trace import Status, StatusCode

from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import ToolOutcome, ToolReply
from voiceplane.contract.tool import Tool
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import tools_pb2, tools_pb2_grpc
from voiceplane.runtime import telemetry
from voiceplane.runtime.clock import Clock
from voiceplane.runtime.metrics import EXECUTE_TOOL
from voiceplane.tools.http_backend import HttpTool
from voiceplane.tools.invoke import TOTAL_S, Invoker
from voiceplane.tools.ports import Attempt


class Backends:
    """Sends an attempt to the backend that the tool names."""

    def __init__(self, http: HttpTool, aliases: Mapping[str, str], tools: Iterable[Tool]) -> None:
        """Serve these tools, the HTTP ones with this client; MCP connections are made per attempt."""
        self._http = http
        self._aliases = aliases
        self._mcp = _mcp() if any(tool.mcp is not None for tool in tools) else None

    async def run(self, tool: Tool, attempt: Attempt) -> str:
        """Carry out one attempt."""
        if tool.http is not None:
            return await self._http.run(tool.http, attempt)
        assert tool.mcp is not None and self._mcp is not None, f"{tool.name} was not among the tools to serve"
        return str(await self._mcp.run(tool.mcp, attempt, self._aliases))


def _mcp() -> ModuleType:
    """Load the client of the Model Context Protocol: half a second, so only where a tool needs it, and before calls."""
    from voiceplane.tools import mcp_backend

    return mcp_backend


class ToolsService(tools_pb2_grpc.ToolsServicer):
    """Serves one invoker."""

    def __init__(self, invoker: Invoker, tools: frozenset[str], clock: Clock) -> None:
        """Serve it; `tools` are the names that may stand in a span's name, which must not come from outside."""
        self._invoker = invoker
        self._tools = tools
        self._clock = clock

    async def Invoke(self, request: tools_pb2.InvokeRequest, context: Any) -> tools_pb2.InvokeResponse:
        """Run a tool or say why not; the gRPC status is OK for both."""
        asked = convert.tool_request_from_wire(request)
        name = asked.tool if asked.tool in self._tools else "unknown"
        level = asked.authentication
        left_s = context.time_remaining()
        started = self._clock.monotonic()
        with telemetry.tracer("voiceplane.tools").start_as_current_span(f"execute_tool {name}") as span:
            span.set_attributes(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": name,
                    "gen_ai.tool.type": "extension",
                    "voice.turn.index": asked.turn_index,
                    "voice.caller.authentication": level if level in list(Authentication) else "unknown",
                }
            )
            reply = await self._invoker.invoke(asked, within_s=TOTAL_S if left_s is None else left_s)
            span.set_attributes(_outcome(reply))
            if reply.outcome is not ToolOutcome.OK:
                span.set_status(Status(StatusCode.ERROR, reply.outcome.value))
        EXECUTE_TOOL.labels(reply.outcome.value).observe(self._clock.monotonic() - started)
        return convert.tool_reply_to_wire(reply)


def _outcome(reply: ToolReply) -> dict[str, str | int]:
    told: dict[str, str | int] = {"voice.tool.outcome": reply.outcome.value, "voice.tool.attempts": reply.attempts}
    return told if reply.outcome is ToolOutcome.OK else told | {"error.type": reply.outcome.value}
