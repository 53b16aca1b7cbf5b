"""The records process for regions of other clusters: each proves which one it is, writes its own, and reads nothing.

Beside service, over the same store, behind credentials of runtime.tls. Spans are taken from any region that proves to
be one: a trace follows its call across regions.
"""

from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from voiceplane.records import service
from voiceplane.records.ingest import SpanIngest
from voiceplane.records.store import Store
from voiceplane.rpc.v1 import records_pb2 as pb
from voiceplane.rpc.v1 import records_pb2_grpc
from voiceplane.runtime import tls


async def _region(context: Any) -> str:
    """Return the region that asks; its request ends here when its certificate names none."""
    found = tls.region_of(context.auth_context())
    if found is None:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"the certificate names no region: {tls.NAMELESS}")
    return found or ""


async def _refuse(context: Any) -> None:
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, "a region writes records and reads none")


class OfRegionsServicer(records_pb2_grpc.RecordsServicer):
    """voiceplane.rpc.v1.Records, of which a region may do one thing."""

    def __init__(self, store: Store) -> None:
        """Write to `store`."""
        self._store = store

    async def Append(self, request: pb.AppendRequest, context: Any) -> pb.AppendResponse:
        """Keep one record as the region's whose certificate brought it."""
        region = await _region(context)
        async with service.answering(context):
            await service.keep(self._store, request, region)
        return pb.AppendResponse()

    async def GetCall(self, request: pb.GetCallRequest, context: Any) -> pb.GetCallResponse:
        """Refuse."""
        await _refuse(context)
        return pb.GetCallResponse()

    async def ListCallRecords(self, request: pb.ListCallRecordsRequest, context: Any) -> pb.ListCallRecordsResponse:
        """Refuse."""
        await _refuse(context)
        return pb.ListCallRecordsResponse()

    async def GetTrace(self, request: pb.GetTraceRequest, context: Any) -> pb.GetTraceResponse:
        """Refuse."""
        await _refuse(context)
        return pb.GetTraceResponse()


class _Traces(service.TraceServicer):
    async def _region(self, context: Any) -> str:
        return await _region(context)


def register(server: grpc.aio.Server, store: Store, ingest: SpanIngest, *, keep_personal: bool = False) -> None:
    """Add both services to a server whose credentials ask for a proof."""
    add_records: Any = records_pb2_grpc.add_RecordsServicer_to_server
    add_traces: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_records(OfRegionsServicer(store), server)
    add_traces(_Traces(ingest, keep_personal=keep_personal), server)
