"""Start the real processes around the tool gateway, and end each by its pid."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.ids import new_call_id
from voiceplane.contract.load import load_bundle
from voiceplane.records.rows import AuditRow
from voiceplane.records.store import open_store

ROOT = Path(__file__).parents[2]
PARCEL_DESK = ROOT / "docs" / "examples" / "parcel-desk.yaml"


@dataclass(slots=True)
class Running:
    """A process that said that it is ready, and the ports it named."""

    process: asyncio.subprocess.Process
    ports: dict[str, int]

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()

    async def terminate(self) -> tuple[int, str]:
        """Send SIGTERM and return the exit status and what was logged."""
        self.process.terminate()
        async with asyncio.timeout(30):
            _, logged = await self.process.communicate()
        return self.process.returncode or 0, logged.decode()


async def launch(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@contextlib.asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[Running]:
    process = await launch(*arguments)
    running = Running(process, {})
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode()
        running.ports = {name: int(port) for name, port in re.findall(r"(\w+)=(\d+)", line)}
        assert line.startswith("ready "), line
        yield running
    finally:
        await running.kill()


def records(folder: Path, port: int = 0) -> contextlib.AbstractAsyncContextManager[Running]:
    url = f"sqlite+aiosqlite:///{folder / 'records.db'}"
    return started("-m", "voiceplane.records", "serve", "--database-url", url, "--grpc-port", str(port))


def parcels(*options: str) -> contextlib.AbstractAsyncContextManager[Running]:
    return started("-m", "voiceplane.testing.parcels", *options)


@contextlib.asynccontextmanager
async def backends(folder: Path, *options: str) -> AsyncIterator[tuple[Running, Running]]:
    """Start records and the parcel system at once."""
    async with contextlib.AsyncExitStack() as stack:
        both = (records(folder), parcels(*options))
        kept, found = await asyncio.gather(*(stack.enter_async_context(part) for part in both))
        yield kept, found


def tools(
    folder: Path,
    records_port: int,
    backend_port: int,
    *more: str,
    agent: Path = PARCEL_DESK,
    port: int = 0,
    mcp_port: int = 1,
) -> contextlib.AbstractAsyncContextManager[Running]:
    return started(
        *("-W", "error::ResourceWarning", "-m", "voiceplane.tools", "serve", "--agent", str(agent)),
        *("--records", f"127.0.0.1:{records_port}", "--spool", str(folder / "spool"), "--grpc-port", str(port)),
        *("--host-alias", f"parcels.support.svc=127.0.0.1:{backend_port}"),
        *("--host-alias", f"mcp.support.svc=127.0.0.1:{mcp_port}"),
        *("--otlp-endpoint", f"127.0.0.1:{records_port}"),
        *more,
    )


def wish(
    tool: str, arguments_json: str, *, agent: Path = PARCEL_DESK, intent: str = "", key: str = "key-1"
) -> ToolRequest:
    """A request to run a tool in a new call, for the intent that may."""
    bundle = load_bundle(agent.read_text())
    named = intent or next(intent.name for intent in bundle.agent.spec.intents if intent.tool == tool)
    return ToolRequest(new_call_id(), bundle.agent_name, bundle.revision, 3, named, tool, arguments_json, key)


async def audits(folder: Path, call_id: str, count: int) -> list[AuditRow]:
    """Wait until the records process has stored `count` audit records of a call, then return all there are."""
    async with open_store(f"sqlite+aiosqlite:///{folder / 'records.db'}") as store, asyncio.timeout(20):
        while True:
            rows = await store.audits(call_id)
            if len(rows) >= count:
                return sorted(rows, key=lambda row: row.attempt)
            await asyncio.sleep(0.05)
