"""A tool behind a Model Context Protocol server, by the official package over streamable HTTP."""

import json

from mcp import Client, MCPError

from voiceplane.contract.agent import McpBackend
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ResultRefusedError,
    ToolAttemptError,
)
from voiceplane.tools.http_backend import Attempt


async def run(backend: McpBackend, attempt: Attempt) -> str:
    """Call the server's tool; return its structured result, or its text, as JSON; ToolAttemptError otherwise."""
    try:
        async with Client(backend.url, read_timeout_seconds=attempt.timeout_s) as client:
            meta = {"voiceplane.dev/idempotency-key": attempt.idempotency_key}
            result = await client.call_tool(backend.tool, dict(attempt.arguments), meta=meta)  # type: ignore[arg-type]
    except MCPError as error:
        raise AttemptFailedError("the MCP server refused the call") from error
    except TimeoutError as error:
        raise AttemptTimedOutError("no answer in time") from error
    except (OSError, ExceptionGroup, RuntimeError) as error:
        raise _unwrapped(error) from error
    if result.is_error:
        raise AttemptFailedError("the MCP tool says that it failed")
    if result.structured_content is not None:
        text = json.dumps(result.structured_content)
    else:
        text = "".join(part.text for part in result.content if part.type == "text")
    if len(text.encode()) > attempt.max_result_bytes:
        raise ResultRefusedError(f"the result is larger than {attempt.max_result_bytes} bytes")
    return text


def _unwrapped(error: BaseException) -> ToolAttemptError:
    """Find what a group of task errors means: a refused connection, a timeout or a failure."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return AttemptTimedOutError("no answer in time")
    return AttemptUnreachableError(f"no connection: {type(error).__name__}")
