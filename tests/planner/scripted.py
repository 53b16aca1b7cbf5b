"""An OpenAI-compatible endpoint that does exactly as told, on a real socket: for timing, faults and hostile replies."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Words:
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Raw:
    data: bytes


@dataclass(frozen=True, slots=True)
class Status:
    status: int
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function call, split over as many events as there are pieces."""

    name: str
    pieces: tuple[str, ...]
    id: str = "call-7"


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str = "stop"
    usage: tuple[int, int] | None = (40, 12)


Action = Words | Pause | Raw | Status | Cut | Call | Finish
Script = tuple[Action, ...]


@dataclass
class Scripted:
    """The endpoint: one script for each request, the last one for all further ones; or chosen by the caller's words."""

    scripts: tuple[Script, ...]
    choose: Callable[[str], Script] | None = None
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0  # events that left
    told: tuple[int, int] = (0, 0)  # the tokens of whole replies: input, output
    left: int = 0  # replies whose client went before their end
    gone_at: float | None = None  # when the client was seen to have left, monotonic seconds
    began: asyncio.Event = field(default_factory=asyncio.Event)  # the first event has left
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(await request.json())
        if self.choose is not None:
            script = self.choose(str(self.requests[-1]["messages"][-1]["content"]).lower())
        self.headers.append(dict(request.headers))
        if isinstance(script[0], Status):
            refused = script[0]
            return web.json_response({"error": {"message": "no"}}, status=refused.status, headers=dict(refused.headers))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            if isinstance(script[0], Pause):  # before the status line
                await asyncio.sleep(script[0].seconds)
            await response.prepare(request)
            for action in script[isinstance(script[0], Pause) :]:
                await self._do(action, response, request)
            await response.write_eof()
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone_at = time.monotonic()
            self.left += 1
            self.gone.set()
            raise
        return response

    async def _do(self, action: Action, response: web.StreamResponse, request: web.Request) -> None:
        match action:
            case Words(text):
                await self._event(response, {"content": text})
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Raw(data):
                await response.write(data)
            case Cut():
                assert request.transport is not None
                request.transport.abort()
                await asyncio.sleep(0.01)
            case Call(name, pieces, identity):
                first = {"index": 0, "id": identity, "type": "function", "function": {"name": name, "arguments": ""}}
                await self._event(response, {"tool_calls": [first]})
                for piece in pieces:
                    await self._event(response, {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            case Finish(reason, usage):
                await self._event(response, {}, reason)
                if usage is not None:
                    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
                    self.told = (self.told[0] + usage[0], self.told[1] + usage[1])
                    await response.write(_line({"model": "scripted-1", "choices": [], "usage": counts}))
                await response.write(b"data: [DONE]\n\n")
            case Status():
                raise AssertionError("a status comes first")

    async def _event(self, response: web.StreamResponse, delta: dict[str, Any], reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        await response.write(_line({"model": "scripted-1", "choices": [choice]}))
        self.sent += 1
        self.began.set()


def _line(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[Scripted]:
    endpoint = Scripted(scripts)
    application = web.Application()
    application.add_routes([web.post("/v1/chat/completions", endpoint.answer)])
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
