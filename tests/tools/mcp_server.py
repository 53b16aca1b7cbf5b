"""A real MCP server for the tests, made with the official package: `python mcp_server.py` prints `ready http=PORT`."""

import asyncio
import json
import socket
import sys
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.transport_security import TransportSecuritySettings

server = MCPServer("parcels", log_level="CRITICAL")
seen: list[dict[str, Any]] = []


@server.tool()
async def track(parcel_number: str, context: Context[Any]) -> dict[str, str]:
    """Find a parcel."""
    headers = context.headers or {}
    names = ("host", "traceparent", "idempotency-key")
    return {"status": "out for delivery", "number": parcel_number} | {
        name: str(headers[name]) for name in names if name in headers
    }


@server.tool(structured_output=False)
async def as_text(parcel_number: str) -> str:
    """Answer with JSON in a text part, as older servers do."""
    return json.dumps({"status": f"seen {parcel_number}"})


@server.tool()
async def broken(parcel_number: str) -> dict[str, str]:
    """Fail."""
    raise RuntimeError(f"secret of {parcel_number}")


@server.tool()
async def slow(parcel_number: str) -> dict[str, str]:
    """Take longer than any timeout of the tests."""
    await asyncio.sleep(30)
    return {"status": parcel_number}


@server.tool()
async def large(parcel_number: str) -> dict[str, str]:
    """Answer with a megabyte."""
    return {"status": parcel_number * 200_000}


def main() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # so that who reads `ready` may connect
    hosts = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    application = server.streamable_http_app(transport_security=hosts)
    sys.stdout.write(f"ready http={listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(application, log_level="critical")).run(sockets=[listening])


if __name__ == "__main__":
    main()
