"""Send records from the gateway, and read them for people. A record waits on disk while the records process is away."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from voiceplane.records import convert
from voiceplane.records.errors import AmbiguousCallError, NoSuchCallError, RecordsAwayError, RecordsUnreachedError
from voiceplane.records.rows import AuditRow, CallRow, SpanRow
from voiceplane.rpc.v1 import records_pb2 as pb
from voiceplane.rpc.v1 import records_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry
from voiceplane.runtime.outbox import Metadata, Outbox, OutboxLimits, RefusedError
from voiceplane.runtime.way import Way, open_way

SEND_S = 5.0
READ_S = 10.0  # the records process itself says after 5 s that its database does not answer


class RecordsClient:
    """Where a process leaves its records; `append` never waits."""

    def __init__(self, outbox: Outbox, way: Way) -> None:
        """Leave records in this outbox, which sends them on this way."""
        self._outbox = outbox
        self._way = way

    def append(self, record: CallRow | AuditRow) -> None:
        """Take a record; it is delivered at least once, and kept once by the records process."""
        self._outbox.put(_message(record))

    async def keep(self, record: CallRow | AuditRow) -> None:
        """Take a record and return when it is on this machine's disk; OSError when it cannot be written."""
        await self._outbox.keep(_message(record))

    @property
    def waiting(self) -> int:
        """Count the records that are not delivered yet."""
        return self._outbox.waiting

    @property
    def problem(self) -> str | None:
        """Say why nothing arrives, as far as certificates tell."""
        return self._way.problem


def _message(record: CallRow | AuditRow) -> bytes:
    if isinstance(record, CallRow):
        return pb.AppendRequest(call=convert.call_message(record)).SerializeToString()
    return pb.AppendRequest(audit=convert.audit_message(record)).SerializeToString()


@contextlib.asynccontextmanager
async def open_client(
    target: str, spool: Path, *, certificates: Path | None = None, limits: OutboxLimits | None = None
) -> AsyncIterator[RecordsClient]:
    """Deliver records to `target` until the block ends; `spool` is a folder that belongs to this process alone.

    `certificates` is a folder as runtime.tls reads it, for records in another cluster.
    """
    async with open_way(target, certificates) as way:

        async def send(message: bytes, metadata: Metadata) -> None:
            try:
                request = pb.AppendRequest.FromString(message)
            except DecodeError as error:
                raise RefusedError("not an AppendRequest") from error
            async with way.sending() as channel:
                stub: Any = records_pb2_grpc.RecordsStub(channel)
                await stub.Append(request, timeout=SEND_S, metadata=metadata)

        async with Outbox(send, spool, limits=limits).running() as outbox:
            yield RecordsClient(outbox, way)


async def _ask(target: str, method: str, request: Any) -> Any:
    try:
        async with grpc_server.asking(target) as channel:
            stub: Any = records_pb2_grpc.RecordsStub(channel)
            return await getattr(stub, method)(request, timeout=READ_S, metadata=telemetry.inject())
    except grpc_server.UnreachedError as error:
        raise RecordsUnreachedError(f"no records process answers at {target}") from error
    except grpc.aio.AioRpcError as error:
        details = error.details() or error.code().name
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise NoSuchCallError(details) from error
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise AmbiguousCallError(details) from error
        raise RecordsAwayError(f"records at {target}: {details}") from error


async def read_trace(target: str, call_id: str) -> tuple[SpanRow, ...]:
    """Return a call's spans by start; `call_id` may be a prefix or "latest". Raises RecordsError."""
    reply: pb.GetTraceResponse = await _ask(target, "GetTrace", pb.GetTraceRequest(call_id=call_id))
    return tuple(convert.span_row(span) for span in reply.spans)


async def read_call(target: str, call_id: str) -> tuple[CallRow, tuple[AuditRow, ...]]:
    """Return a call with its tool attempts; `call_id` may be a prefix or "latest". Raises RecordsError."""
    reply: pb.GetCallResponse = await _ask(target, "GetCall", pb.GetCallRequest(call_id=call_id))
    return convert.call_row(reply.call), tuple(convert.audit_row(audit) for audit in reply.audits)


async def read_calls(target: str, limit: int = 20) -> tuple[CallRow, ...]:
    """Return the newest calls first. Raises RecordsError."""
    reply: pb.ListCallRecordsResponse = await _ask(target, "ListCallRecords", pb.ListCallRecordsRequest(limit=limit))
    return tuple(convert.call_row(call) for call in reply.calls)
