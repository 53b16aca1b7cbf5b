"""What planner and tools talk to while their work is left: a back end that never ends, and a receiver of their spans.

Both see from outside when a process stopped: the back end by its closed connection, the receiver by a span's end.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from voiceplane.runtime import grpc_server
from voiceplane.runtime.clock import Clock

START_S = 120.0  # Ray takes 5 to 20 s
STOP_S = 20.0
WORD_S = 0.02  # between two words of a reply that nobody ends
_PIECE = 'data: {"choices": [{"index": 0, "delta": {"content": "%s "}}]}\n\n'


class Endless:
    """A tool's system and an OpenAI-compatible endpoint, one request at a time: neither comes to an end."""

    def __init__(self, clock: Clock) -> None:
        """Serve nothing yet."""
        self._clock = clock
        self.begun = asyncio.Event()
        self.closed: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def expect(self) -> None:
        """Forget the request before."""
        self.begun = asyncio.Event()
        self.closed = asyncio.get_running_loop().create_future()

    async def tool(self, _: web.Request) -> web.Response:
        """Never answer."""
        with self._until_closed():
            self.begun.set()
            await asyncio.Event().wait()
        raise AssertionError("it was to be left")

    async def model(self, request: web.Request) -> web.StreamResponse:
        """Write one sentence, and words of another until the one who asked has gone."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with self._until_closed():
            await response.prepare(request)
            await response.write((_PIECE % "We sell boxes.").encode())
            while True:
                await response.write((_PIECE % "word").encode())
                await asyncio.sleep(WORD_S)

    @contextlib.contextmanager
    def _until_closed(self) -> Any:
        try:
            yield
        finally:
            if not self.closed.done():
                self.closed.set_result(self._clock.monotonic())


@contextlib.asynccontextmanager
async def serve_endless(clock: Clock) -> AsyncIterator[tuple[Endless, int]]:
    """Serve on a free port until the block ends."""
    endless = Endless(clock)
    application = web.Application()
    application.add_routes([web.get("/{path:.*}", endless.tool), web.post("/v1/chat/completions", endless.model)])
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield endless, runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Spans(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps when each call's reply ended in the replica, Unix ns."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.ended: dict[str, int] = {}

    async def Export(  # the name is OTLP's
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Take spans in."""
        scopes = (scope for sent in request.resource_spans for scope in sent.scope_spans)
        for span in (span for scope in scopes for span in scope.spans if span.name == "planner.reply"):
            facts = {each.key: each.value.string_value for each in span.attributes}
            self.ended[facts["gen_ai.conversation.id"]] = span.end_time_unix_nano
        return trace_service_pb2.ExportTraceServiceResponse()


@contextlib.asynccontextmanager
async def receive_spans() -> AsyncIterator[tuple[Spans, str]]:
    """Receive OTLP until the block ends; yields the spans and HOST:PORT."""
    spans = Spans()
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    async with grpc_server.serve(
        lambda server: add(spans, server), host="127.0.0.1", port=0, grace_s=0.5, traced=False
    ) as server:
        yield spans, f"127.0.0.1:{server.port}"


@contextlib.asynccontextmanager
async def process(module: str, log: Path, *arguments: str) -> AsyncIterator[str]:
    """Run a process of voiceplane until the block ends; yields HOST:PORT once it says that it is ready."""
    with log.open("wb") as sink:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"voiceplane.{module}",
            "serve",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
        )
    try:
        assert running.stdout is not None
        async with asyncio.timeout(START_S):
            said = (await running.stdout.readline()).decode()
        if not said.startswith("ready grpc="):
            raise RuntimeError(f"{module} does not start: see {log}")
        yield f"127.0.0.1:{said.split()[1].removeprefix('grpc=')}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.terminate()
        try:
            await asyncio.wait_for(running.wait(), STOP_S)
        except TimeoutError:
            running.kill()
            await running.wait()
