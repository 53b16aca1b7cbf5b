"""gRPC for every process: a server with health and traces, and channels that survive a restart of the far side."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from opentelemetry.trace import SpanKind

from voiceplane.runtime import telemetry

GRACE_S = 5.0
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),  # a restarted process is found again within a second
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
)

# A span for each probe says nothing, and one for each span export would never end.
_UNTRACED = ("grpc.health.", "opentelemetry.proto.collector.")
_SERVER_OPTIONS = (
    ("grpc.so_reuseport", 0),  # two processes on one port would split the calls silently
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # the default of 5 minutes refuses our own keepalive
)

# A certificate is looked at when a connection begins: one that has ended since, or whose authority is gone, ends so.
_PROVED_OPTIONS = (("grpc.max_connection_age_ms", 3_600_000), ("grpc.max_connection_age_grace_ms", 10_000))


def channel(target: str) -> grpc.aio.Channel:
    """Open a plain-text channel that reconnects quickly; transport security is the mesh's or the pod network's."""
    return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)


def proved_channel(target: str, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
    """Open a channel on which both sides prove who they are (tls)."""
    return grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)


class UnreachedError(Exception):
    """Nothing answers at an address: nobody listens there, or what does speaks no gRPC or is stuck."""


@contextlib.asynccontextmanager
async def asking(target: str) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel for a person's question. UnreachedError where there is no answer: gRPC's own words help nobody."""
    async with channel(target) as opened:
        try:
            yield opened
        except grpc.aio.AioRpcError as error:
            late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            if late or opened.get_state() is not grpc.ChannelConnectivity.READY:
                raise UnreachedError(target) from error
            raise


class TraceInterceptor(grpc.aio.ServerInterceptor):
    """Open a SERVER span under the caller's span for every request except health checks."""

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap unary and server-streaming methods."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method.lstrip("/")
        if handler is None or method.startswith(_UNTRACED):
            return handler
        context = telemetry.extract(handler_call_details.invocation_metadata or ())
        spans = telemetry.tracer("voiceplane.rpc")

        if handler.unary_unary is not None:
            unary = handler.unary_unary

            async def traced(request: Any, servicer_context: Any) -> Any:
                with spans.start_as_current_span(method, context=context, kind=SpanKind.SERVER):
                    return await unary(request, servicer_context)

            return grpc.unary_unary_rpc_method_handler(
                traced, handler.request_deserializer, handler.response_serializer
            )
        if handler.unary_stream is not None:
            stream: Any = handler.unary_stream

            async def traced_stream(request: Any, servicer_context: Any) -> Any:
                with spans.start_as_current_span(method, context=context, kind=SpanKind.SERVER):
                    async for response in stream(request, servicer_context):
                        yield response

            return grpc.unary_stream_rpc_method_handler(
                traced_stream, handler.request_deserializer, handler.response_serializer
            )
        return handler


class Server:
    """A gRPC server with grpc.health.v1; `port` is what was bound."""

    def __init__(self, server: grpc.aio.Server, health: health_aio.HealthServicer, port: int) -> None:
        """Wrap a started server."""
        self._server = server
        self._health = health
        self.port = port

    async def ready(self, serving: bool) -> None:
        """Tell health checks whether requests should come here."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set("", status)


@contextlib.asynccontextmanager
async def serve(
    register: Callable[[grpc.aio.Server], None],
    *,
    host: str,
    port: int,
    grace_s: float = GRACE_S,
    traced: bool = True,
    ready: bool = True,
) -> AsyncIterator[Server]:
    """Serve until the block ends, then finish requests in flight within `grace_s`. OSError when the port is taken."""
    server = grpc.aio.server(interceptors=(TraceInterceptor(),) if traced else (), options=_SERVER_OPTIONS)
    register(server)
    async with _running(server, server.add_insecure_port, f"{host}:{port}", grace_s=grace_s, ready=ready) as running:
        yield running


@contextlib.asynccontextmanager
async def serve_proved(
    register: Callable[[grpc.aio.Server], None], *, host: str, port: int, credentials: grpc.ServerCredentials
) -> AsyncIterator[Server]:
    """Serve those who prove who they are (tls) until the block ends. OSError when the port is taken."""
    server = grpc.aio.server(interceptors=(TraceInterceptor(),), options=(*_SERVER_OPTIONS, *_PROVED_OPTIONS))
    register(server)

    def bind(address: str) -> int:
        return server.add_secure_port(address, credentials)

    async with _running(server, bind, f"{host}:{port}", grace_s=GRACE_S, ready=True) as running:
        yield running


@contextlib.asynccontextmanager
async def _running(
    server: grpc.aio.Server, bind: Callable[[str], int], address: str, *, grace_s: float, ready: bool
) -> AsyncIterator[Server]:
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    try:
        bound = bind(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: is the port taken?") from error
    await server.start()
    running = Server(server, health, bound)
    await running.ready(ready)
    try:
        yield running
    finally:
        await running.ready(False)
        await server.stop(grace_s)


async def healthy(target: str, *, timeout_s: float = 1.0) -> bool:
    """Ask grpc.health.v1 once; False when nothing answers."""
    async with channel(target) as opened:
        stub: Any = health_pb2_grpc.HealthStub(opened)
        try:
            reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)
