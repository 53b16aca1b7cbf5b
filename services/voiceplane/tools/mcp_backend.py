"""A tool behind a Model Context Protocol server, by the official package over streamable HTTP.

One MCP session per attempt: nothing of one call's session can reach another call.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT

from voiceplane.contract.tool import McpBackend
from voiceplane.runtime import telemetry
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ResultRefusedError,
    ToolAttemptError,
)
from voiceplane.tools.http_backend import trust
from voiceplane.tools.ports import Attempt

ENVELOPE_BYTES = 65_536  # what the protocol itself may add to a result: handshake, ids, schemas
KEY_META = "voiceplane.dev/idempotency-key"


async def run(backend: McpBackend, attempt: Attempt, aliases: Mapping[str, str]) -> str:
    """Call the server's tool; return its structured result, or its text, as JSON; ToolAttemptError otherwise."""
    wire = _Wire(aliases, attempt.max_result_bytes * 2 + ENVELOPE_BYTES)  # a result comes as text and as structure
    headers = {"accept-encoding": "identity", "idempotency-key": attempt.idempotency_key} | telemetry.inject_headers()
    meta: Any = {KEY_META: attempt.idempotency_key}
    try:
        async with httpx2.AsyncClient(
            transport=wire, headers=headers, timeout=attempt.timeout_s, trust_env=False, verify=trust()
        ) as http:
            transport = streamable_http_client(backend.url, http_client=http, max_sse_event_size=wire.max_bytes)
            async with Client(transport, read_timeout_seconds=attempt.timeout_s) as client:
                result = await client.call_tool(backend.tool, dict(attempt.arguments), meta=meta)
    except (MCPError, TimeoutError, OSError, httpx2.HTTPError, ExceptionGroup, RuntimeError) as error:
        raise wire.problem or _judged(error) from error
    if result.is_error:
        raise AttemptFailedError("the MCP tool says that it failed")
    if result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    else:
        text = "".join(part.text for part in result.content if part.type == "text")
    if len(text.encode()) > attempt.max_result_bytes:
        raise ResultRefusedError(f"the result is larger than {attempt.max_result_bytes} bytes")
    return text


class _Wire(httpx2.AsyncBaseTransport):
    """HTTP under MCP: applies host aliases, bounds what comes back, and remembers what the MCP client hides."""

    def __init__(self, aliases: Mapping[str, str], max_bytes: int) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=trust(), trust_env=False)
        self._aliases = aliases
        self.max_bytes = max_bytes
        self.problem: ToolAttemptError | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        alias = self._aliases.get(request.url.host)
        if alias is not None:
            host, _, port = alias.rpartition(":")
            request.url = request.url.copy_with(host=host, port=int(port))  # the Host header is already written
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TimeoutException:
            self.problem = AttemptTimedOutError("no answer in time")
            raise
        except httpx2.HTTPError as error:
            self.problem = AttemptUnreachableError(f"no connection: {type(error).__name__}")
            raise
        if response.status_code == 429 or response.status_code >= 500:
            self.problem = AttemptUnreachableError(f"HTTP status {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            self.problem = ResultRefusedError("the result is compressed although it was not asked to be")
            await response.aclose()
            raise httpx2.ReadError("compressed", request=request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, self)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in an error when it grows past the bound."""

    def __init__(self, inner: httpx2.AsyncByteStream, wire: _Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body's pieces."""
        size = 0
        try:
            async for chunk in self._inner:
                size += len(chunk)
                if size > self._wire.max_bytes:
                    self._wire.problem = ResultRefusedError(f"the answer is larger than {self._wire.max_bytes} bytes")
                    raise httpx2.ReadError("too large")
                yield chunk
        except httpx2.TimeoutException:
            self._wire.problem = AttemptTimedOutError("no answer in time")
            raise

    async def aclose(self) -> None:
        """Close the body."""
        await self._inner.aclose()


def _judged(error: BaseException) -> ToolAttemptError:
    """Find what a group of task errors means: a refused call, a timeout or a lost connection."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, (TimeoutError, httpx2.TimeoutException)):
        return AttemptTimedOutError("no answer in time")
    if isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT:
        return AttemptTimedOutError("no answer in time")
    if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED:
        return AttemptFailedError("the MCP server refused the call")
    return AttemptUnreachableError(f"no connection: {type(error).__name__}")
