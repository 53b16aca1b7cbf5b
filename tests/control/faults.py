"""A way to an API server that a test can make bad: answers in its place, none at all, a watch that falls silent."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from tests.cluster.plane import Plane

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
HOP = frozenset({"host", "connection", "transfer-encoding", "content-length"})  # what is zipped goes through as it is
STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "by the test"}


@dataclass(slots=True)
class Way:
    """What happens on the way; a test sets its fields while requests pass."""

    port: int = 0
    answer: Callable[[web.Request], int] = lambda _: 0  # a status instead of the server's; 0: the server's own
    wrote: Callable[[web.Request], None] = lambda _: None  # after a write was done and before it is answered
    told: Callable[[web.Request], str] = lambda _: ""  # a text instead of the server's answer
    delay_s: Callable[[web.Request], float] = lambda _: 0.0  # before it is passed on
    parted: bool = False  # nothing comes through, and nothing is answered
    frozen: bool = False  # watches give no more events; all else works
    deletes: list[str] = field(default_factory=list)  # paths
    passing: set["asyncio.Task[object]"] = field(default_factory=set)
    watches: dict["asyncio.Task[object]", tuple[str, web.StreamResponse]] = field(default_factory=dict)  # with paths

    def kubeconfig(self, token: str) -> str:
        """Return a kubeconfig that leads this way."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "way", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "way", "user": {"token": token}}],
            "contexts": [{"name": "way", "context": {"cluster": "way", "user": "way"}}],
            "current-context": "way",
        }
        return json.dumps(content)

    async def cut(self, event: object = None, *, of: str = "/") -> None:
        """End every watch that goes on and has this in its path, with a last event if there is one."""
        for task, (path, response) in list(self.watches.items()):
            if of not in path:
                continue
            if event is not None:
                with contextlib.suppress(ConnectionError):  # of a client that has gone by itself
                    await response.write(json.dumps(event).encode() + b"\n")
            task.cancel()

    def part(self) -> None:
        """Let nothing through any more, not even what is under way."""
        self.parted = True
        for task in self.passing:
            task.cancel()


@contextlib.asynccontextmanager
async def way_to(plane: Plane) -> AsyncIterator[Way]:
    """Have such a way until the block ends."""
    way = Way()
    connector = aiohttp.TCPConnector(ssl=plane.tls(), limit=0)
    limits = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=limits, auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await _pass(way, plane.server, session, request)

        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            way.port = runner.addresses[0][1]
            yield way
        finally:
            for task in way.passing:
                task.cancel()
            await runner.cleanup()


async def _pass(way: Way, server: str, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
    task = asyncio.current_task()
    assert task is not None
    way.passing.add(task)
    if request.method == "DELETE":  # asked for, whether or not it comes through
        way.deletes.append(request.path)
    try:
        if way.parted:
            await asyncio.Event().wait()
        await asyncio.sleep(way.delay_s(request))
        status = way.answer(request)
        if status:
            headers = {"Retry-After": "1"} if status == 429 else {}
            return web.json_response(STATUS | {"code": status}, status=status, headers=headers)
        said = way.told(request)
        return web.Response(text=said) if said else await _forward(way, server, session, request)
    finally:
        way.passing.discard(task)
        way.watches.pop(task, None)


async def _forward(way: Way, server: str, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
    kept = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
    body = await request.read()
    url = server + request.path_qs  # no body: no Content-Type either, which API servers refuse on a GET
    async with session.request(
        request.method, url, data=body or None, headers=kept, skip_auto_headers=("Accept-Encoding",)
    ) as answer:
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
        if "watch" not in request.query:
            content = await answer.read()
            if request.method in WRITES:
                way.wrote(request)
            return web.Response(status=answer.status, body=content, headers=headers)
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        way.watches[task] = (request.path, response)
        async for part in answer.content.iter_any():
            if way.frozen:
                await asyncio.Event().wait()
            await response.write(part)
        return response
