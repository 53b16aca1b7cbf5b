"""The records process on gRPC: Records for calls and audits, OTLP's TraceService for spans, one port. Over store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from prometheus_client import Counter

from voiceplane.records import convert
from voiceplane.records.errors import AmbiguousCallError, InvalidRecordError, NoSuchCallError, RecordsAwayError
from voiceplane.records.ingest import SpanIngest
from voiceplane.records.store import MAX_LISTED, Store
from voiceplane.rpc.v1 import records_pb2 as pb
from voiceplane.rpc.v1 import records_pb2_grpc

ANSWER_S = 5.0  # any request: longer than the statement timeout of the database would hide which of both is slow
MAX_TRACE_SPANS = 5000  # an hour's call; keeps the reply under the message limit of gRPC
APPENDED = Counter("voiceplane_records_appended_total", "Records taken", ["kind"])


@contextlib.asynccontextmanager
async def answering(context: Any) -> AsyncIterator[None]:
    """Turn our errors into gRPC status; their words are ours and hold no personal data."""
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except NoSuchCallError as error:
        await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
    except (AmbiguousCallError, InvalidRecordError) as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except RecordsAwayError as error:
        await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
    except TimeoutError:
        await context.abort(grpc.StatusCode.UNAVAILABLE, f"no answer from the database in {ANSWER_S} s")


class RecordsServicer(records_pb2_grpc.RecordsServicer):
    """voiceplane.rpc.v1.Records."""

    def __init__(self, store: Store, ingest: SpanIngest) -> None:
        """Answer from `store`; spans that still wait in `ingest` are written before a trace is read."""
        self._store = store
        self._ingest = ingest

    async def Append(self, request: pb.AppendRequest, context: Any) -> pb.AppendResponse:
        """Keep one record; the answer is sent when it is on disk."""
        async with answering(context):
            await keep(self._store, request, "")
        return pb.AppendResponse()

    async def GetCall(self, request: pb.GetCallRequest, context: Any) -> pb.GetCallResponse:
        """Return one call with its tool attempts."""
        reply = pb.GetCallResponse()
        async with answering(context):
            call_id = await self._store.resolve(request.call_id)
            found = await self._store.calls(call_id=call_id, limit=1)
            if not found:
                raise NoSuchCallError("the call has a trace but no record yet: it is live, or its gateway was lost")
            audits = await self._store.audits(call_id)
            reply = pb.GetCallResponse(
                call=convert.call_message(found[0]), audits=[convert.audit_message(row) for row in audits]
            )
        return reply

    async def ListCallRecords(self, request: pb.ListCallRecordsRequest, context: Any) -> pb.ListCallRecordsResponse:
        """Return the newest calls first."""
        reply = pb.ListCallRecordsResponse()
        async with answering(context):
            rows = await self._store.calls(limit=request.limit or MAX_LISTED)
            reply.calls.extend(convert.call_message(row) for row in rows)
        return reply

    async def GetTrace(self, request: pb.GetTraceRequest, context: Any) -> pb.GetTraceResponse:
        """Return the spans of a call, by start."""
        reply = pb.GetTraceResponse()
        async with answering(context):
            await self._ingest.flush()
            call_id = await self._store.resolve(request.call_id)
            rows = await self._store.spans(call_id, limit=MAX_TRACE_SPANS)
            reply.spans.extend(convert.span_message(row) for row in rows)
        return reply


async def keep(store: Store, request: pb.AppendRequest, region: str) -> None:
    """Keep a record as one of a region."""
    kind = request.WhichOneof("record")
    if kind == "call":
        await store.append_call(convert.call_row(request.call, region))
    elif kind == "audit":
        await store.append_audit(convert.audit_row(request.audit, region))
    else:
        raise InvalidRecordError("the request holds neither a call nor an audit")
    APPENDED.labels(kind).inc()


class TraceServicer(trace_service_pb2_grpc.TraceServiceServicer):
    """OTLP over gRPC (opentelemetry.proto.collector.trace.v1)."""

    def __init__(self, ingest: SpanIngest, *, keep_personal: bool) -> None:
        """Feed `ingest`."""
        self._ingest = ingest
        self._keep_personal = keep_personal

    async def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Take spans; those for which there is no room are named as rejected (OTLP 1.x, partial success)."""
        region = await self._region(context)
        return taken(self._ingest, request, keep_personal=self._keep_personal, region=region)

    async def _region(self, context: Any) -> str:
        """Return the region whose spans they surely are; empty: they say it themselves."""
        return ""


def taken(
    ingest: SpanIngest,
    request: trace_service_pb2.ExportTraceServiceRequest,
    *,
    keep_personal: bool,
    region: str = "",
) -> trace_service_pb2.ExportTraceServiceResponse:
    """Queue the spans of an export and say how many were refused: the same over gRPC and HTTP."""
    refused = ingest.add(convert.span_rows(request, keep_personal=keep_personal, region=region))
    reply = trace_service_pb2.ExportTraceServiceResponse()
    if refused:
        reply.partial_success.rejected_spans = refused
        reply.partial_success.error_message = "too many spans wait for the database"
    return reply


def register(server: grpc.aio.Server, store: Store, ingest: SpanIngest, *, keep_personal: bool = False) -> None:
    """Add both services to a server."""
    # The generated code of voiceplane is untyped, and OTLP's knows only synchronous servers.
    add_records: Any = records_pb2_grpc.add_RecordsServicer_to_server
    add_traces: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_records(RecordsServicer(store, ingest), server)
    add_traces(TraceServicer(ingest, keep_personal=keep_personal), server)
