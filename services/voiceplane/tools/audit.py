"""Send audit records to the records process; they wait on disk while it is away."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from voiceplane.rpc.v1 import records_pb2, records_pb2_grpc
from voiceplane.runtime import grpc_server
from voiceplane.runtime.outbox import Metadata, Outbox, RefusedError, TryLaterError
from voiceplane.tools.invoke import Audit

SEND_S = 2.0
MAX_WAITING = 900  # below the outbox's own bound: beyond it a record could be lost, so no tool runs


class OutboxSink:
    """An AuditSink over an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        """Put records into this outbox."""
        self._outbox = outbox

    def has_room(self) -> bool:
        """Say whether another record can be kept."""
        return self._outbox.waiting < MAX_WAITING

    def put(self, audit: Audit) -> None:
        """Queue a record."""
        self._outbox.put(_message(audit).SerializeToString())


@contextlib.asynccontextmanager
async def open_sink(target: str, spool: Path) -> AsyncIterator[OutboxSink]:
    """Deliver audit records to `target` until the block ends."""
    async with grpc_server.channel(target) as channel:
        stub: Any = records_pb2_grpc.RecordsStub(channel)

        async def send(message: bytes, metadata: Metadata) -> None:
            record = records_pb2.AuditRecord.FromString(message)
            try:
                await stub.Append(records_pb2.AppendRequest(audit=record), timeout=SEND_S, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    raise RefusedError(error.details()) from error
                raise TryLaterError(error.code().name) from error

        async with Outbox(send, spool).running() as outbox:
            yield OutboxSink(outbox)


def _message(audit: Audit) -> records_pb2.AuditRecord:
    request = audit.request
    return records_pb2.AuditRecord(
        id=audit.id,
        call_id=request.call_id,
        agent=request.agent,
        revision=request.revision,
        turn_index=request.turn_index,
        intent=request.intent,
        tool=request.tool,
        decision=audit.decision,
        outcome=audit.outcome,
        reason=audit.reason,
        attempt=audit.attempt,
        duration_ms=audit.duration_ms,
        at_unix_ns=audit.at_ns,
        arguments_redacted_json=json.dumps(dict(audit.arguments), ensure_ascii=False),
        policy_digest=audit.policy_digest,
        idempotency_key=request.idempotency_key,
    )
