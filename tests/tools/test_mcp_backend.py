"""Tools behind a real MCP server process, over streamable HTTP."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import MCPError
from mcp.types import CONNECTION_CLOSED, INVALID_PARAMS, REQUEST_TIMEOUT

from voiceplane.contract.tool import McpBackend
from voiceplane.tools import mcp_backend
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ResultRefusedError,
    ToolAttemptError,
)
from voiceplane.tools.ports import Attempt

HOST = "mcp.support.svc"
ATTEMPT = Attempt({"parcel_number": "452219"}, 5.0, "key-7", 4096)


@pytest.fixture(scope="module")
def aliases() -> Iterator[dict[str, str]]:
    server = subprocess.Popen([sys.executable, Path(__file__).parent / "mcp_server.py"], stdout=subprocess.PIPE)
    with server:
        try:
            assert server.stdout is not None
            name, _, port = server.stdout.readline().decode().strip().partition("=")
            assert name == "ready http"
            yield {HOST: f"127.0.0.1:{port}"}
        finally:
            server.kill()


def backend(tool: str) -> McpBackend:
    return McpBackend(url=f"http://{HOST}/mcp", tool=tool)


async def test_a_tool_answers_with_structure_or_text_under_its_own_host_name(aliases: dict[str, str]) -> None:
    structured = json.loads(await mcp_backend.run(backend("track"), ATTEMPT, aliases))
    text = json.loads(await mcp_backend.run(backend("as_text"), ATTEMPT, aliases))

    assert structured["status"] == "out for delivery" and structured["number"] == "452219"
    assert structured["host"] == HOST and structured["idempotency-key"] == "key-7"
    assert text == {"status": "seen 452219"}


@pytest.mark.parametrize(
    ("tool", "timeout_s", "error", "says"),
    [
        ("broken", 5.0, AttemptFailedError, "says that it failed"),
        ("no-such-tool", 5.0, AttemptFailedError, "failed|refused"),
        ("slow", 1.0, AttemptTimedOutError, "no answer in time"),
        ("large", 5.0, ResultRefusedError, "larger than"),
    ],
)
async def test_a_failure_keeps_its_kind_and_shows_nothing_of_the_answer(
    aliases: dict[str, str], tool: str, timeout_s: float, error: type[ToolAttemptError], says: str
) -> None:
    attempt = Attempt(ATTEMPT.arguments, timeout_s, "key-8", 4096)

    with pytest.raises(error, match=says) as caught:
        await mcp_backend.run(backend(tool), attempt, aliases)

    assert "452219" not in str(caught.value) and "secret" not in str(caught.value)


async def test_a_server_that_is_away_may_be_asked_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = {HOST: f"127.0.0.1:{unused.getsockname()[1]}"}

        with pytest.raises(AttemptUnreachableError, match="no connection") as caught:
            await mcp_backend.run(backend("track"), ATTEMPT, nobody)

    assert caught.value.repeatable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (REQUEST_TIMEOUT, AttemptTimedOutError),
        (CONNECTION_CLOSED, AttemptUnreachableError),
        (INVALID_PARAMS, AttemptFailedError),
    ],
)
def test_an_error_of_the_protocol_keeps_its_kind(code: int, kind: type[ToolAttemptError]) -> None:
    judged = mcp_backend._judged(ExceptionGroup("tasks", [MCPError(code, "452219 is secret")]))

    assert type(judged) is kind and "452219" not in str(judged)
