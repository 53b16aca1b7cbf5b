"""Keep audit records on disk and send them to the records process; they wait while it is away.

An attempt is written down before it starts. So a process that is killed in the middle leaves a trace of it, and a
disk that takes nothing stops the tools instead of their audit.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from voiceplane.rpc.v1 import records_pb2, records_pb2_grpc
from voiceplane.runtime.outbox import Metadata, Outbox, RefusedError
from voiceplane.runtime.way import Way, open_way
from voiceplane.tools.errors import AuditAwayError
from voiceplane.tools.journal import Journal
from voiceplane.tools.ports import Audit

log = logging.getLogger(__name__)
SEND_S = 2.0
UNKNOWN = "the tool gateway stopped before the result was known"


class DiskSink:
    """An AuditSink over a journal of started attempts and an outbox of finished records."""

    def __init__(self, outbox: Outbox, journal: Journal, way: Way | None = None) -> None:
        """Take over what an earlier process left: `recover` must run before the first attempt.

        `way` is that of the outbox, which knows why nothing arrives.
        """
        self._outbox = outbox
        self._journal = journal
        self._way = way
        self._spent: set[tuple[str, str]] = set()

    async def recover(self) -> None:
        """Turn attempts that were running when the process ended into records, and remember keys that may not rerun."""
        for message in await asyncio.to_thread(self._journal.left_done):
            self._remember(message)
        for attempt_id, message in await asyncio.to_thread(self._journal.left_open):
            self._remember(message)
            record = records_pb2.AuditRecord.FromString(message)
            record.outcome, record.reason = "failed", UNKNOWN
            await self._outbox.keep(record.SerializeToString())
            await asyncio.to_thread(self._journal.close, attempt_id, once=True)
            log.warning("an attempt was cut off by the end of an earlier process", extra={"tool": record.tool})

    def _remember(self, message: bytes) -> None:
        record = records_pb2.AuditRecord.FromString(message)
        self._spent.add((record.call_id, record.idempotency_key))

    def has_room(self) -> bool:
        """Say whether another record can be kept, for readiness."""
        return self._outbox.has_room()

    @property
    def problem(self) -> str | None:
        """Say why no record arrives, as far as certificates tell; attempts go on, and their records wait."""
        return self._way.problem if self._way is not None else None

    def spent(self, call_id: str, idempotency_key: str) -> bool:
        """Say whether an earlier process started this key."""
        return (call_id, idempotency_key) in self._spent

    async def begin(self, audit: Audit) -> None:
        """Write a started attempt to disk."""
        if not self._outbox.has_room():
            raise AuditAwayError("too many audit records wait for the records process")
        try:
            await asyncio.to_thread(self._journal.open, audit.id, _message(audit))
        except OSError as error:
            raise AuditAwayError("the disk takes no audit record") from error

    async def finish(self, audit: Audit) -> None:
        """Keep the record, then forget the started attempt."""
        message = _message(audit)
        try:
            await self._outbox.keep(message)
            await asyncio.to_thread(self._journal.close, audit.id, once=audit.once)
        except OSError as error:
            # Memory is left, and for an attempt also its file in the journal.
            log.error("an audit record could not be written", extra={"error.type": type(error).__name__})
            self._outbox.put(message)


@contextlib.asynccontextmanager
async def open_sink(target: str, spool: Path, certificates: Path | None = None) -> AsyncIterator[DiskSink]:
    """Deliver audit records to `target` until the block ends; what is left waits in `spool` for the next process.

    `certificates` is a folder as runtime.tls reads it, for records in another cluster.
    """
    async with open_way(target, certificates) as way:

        async def send(message: bytes, metadata: Metadata) -> None:
            try:
                record = records_pb2.AuditRecord.FromString(message)
            except DecodeError as error:
                raise RefusedError("not an AuditRecord") from error
            async with way.sending() as channel:
                stub: Any = records_pb2_grpc.RecordsStub(channel)
                await stub.Append(records_pb2.AppendRequest(audit=record), timeout=SEND_S, metadata=metadata)

        outbox = Outbox(send, spool)
        sink = DiskSink(outbox, Journal(spool / "attempts"), way)
        await sink.recover()
        async with outbox.running():
            yield sink


def _message(audit: Audit) -> bytes:
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
        caller_authentication=request.authentication,
    ).SerializeToString()
