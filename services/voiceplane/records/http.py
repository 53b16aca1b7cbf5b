"""OTLP over HTTP: POST /v1/traces, protobuf or JSON. Triton's OpenTelemetry mode exports only so. Feeds ingest."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from google.protobuf import json_format

from voiceplane.records import convert
from voiceplane.records.errors import InvalidRecordError
from voiceplane.records.ingest import SpanIngest
from voiceplane.records.service import taken

MAX_BODY_BYTES = 4 * 1024 * 1024  # after decompression, the same bound as on gRPC
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"


@contextlib.asynccontextmanager
async def serve(ingest: SpanIngest, *, host: str, port: int, keep_personal: bool = False) -> AsyncIterator[int]:
    """Serve until the block ends; yield the bound port."""

    async def export(request: web.Request) -> web.Response:
        if request.content_type not in (_PROTOBUF, _JSON):
            raise web.HTTPUnsupportedMediaType(text=f"send {_PROTOBUF} or {_JSON}")
        as_json = request.content_type == _JSON
        try:
            message = convert.parse_otlp(await request.read(), json=as_json)
        except InvalidRecordError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        reply = taken(ingest, message, keep_personal=keep_personal)
        body = json_format.MessageToJson(reply).encode() if as_json else reply.SerializeToString()
        return web.Response(body=body, content_type=request.content_type)

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/v1/traces", export)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()
