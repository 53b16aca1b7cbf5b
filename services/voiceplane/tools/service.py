"""The Tools service: the wire around tools.invoke, with a span and a measurement for each tool."""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from voiceplane.contract.agent import Tool
from voiceplane.contract.dialogue import ToolOutcome
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import tools_pb2, tools_pb2_grpc
from voiceplane.runtime import telemetry
from voiceplane.runtime.metrics import EXECUTE_TOOL
from voiceplane.tools import mcp_backend
from voiceplane.tools.http_backend import Attempt, HttpTool
from voiceplane.tools.invoke import Invoker


class Backends:
    """Sends an attempt to the backend that the tool names."""

    def __init__(self, http: HttpTool) -> None:
        """Use this HTTP client; MCP connections are made per attempt."""
        self._http = http

    async def run(self, tool: Tool, attempt: Attempt) -> str:
        """Carry out one attempt."""
        if tool.http is not None:
            return await self._http.run(tool.http, attempt)
        assert tool.mcp is not None
        return await mcp_backend.run(tool.mcp, attempt)


class ToolsService(tools_pb2_grpc.ToolsServicer):
    """Serves one invoker."""

    def __init__(self, invoker: Invoker) -> None:
        """Serve it."""
        self._invoker = invoker

    async def Invoke(self, request: tools_pb2.InvokeRequest, context: Any) -> tools_pb2.InvokeResponse:
        """Run a tool or say why not; the gRPC status is OK for both."""
        asked = convert.tool_request_from_wire(request)
        name = asked.tool if len(asked.tool) <= 63 and asked.tool.replace("-", "").isalnum() else "unknown"
        with telemetry.tracer("voiceplane.tools").start_as_current_span(f"execute_tool {name}") as span:
            span.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name})
            with EXECUTE_TOOL.labels("any").time():
                reply = await self._invoker.invoke(asked)
            trace.get_current_span().set_attributes(
                {"voice.tool.outcome": reply.outcome.value, "voice.tool.attempts": reply.attempts}
            )
            if reply.outcome is not ToolOutcome.OK:
                span.set_status(Status(StatusCode.ERROR, reply.reason))
            return convert.tool_reply_to_wire(reply)
