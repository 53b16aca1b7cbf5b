"""Take spans in, write them in batches, delete them when old. Fed by service (gRPC) and http; writes to store."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from prometheus_client import Counter

from voiceplane.records.errors import InvalidRecordError, RecordsAwayError
from voiceplane.records.rows import SpanRow
from voiceplane.records.store import Store
from voiceplane.runtime.clock import Clock

log = logging.getLogger(__name__)
STORED = Counter("voiceplane_records_spans_stored_total", "Spans written")
DROPPED = Counter("voiceplane_records_spans_dropped_total", "Spans not kept", ["reason"])
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """How much waits and how long things are kept."""

    waiting: int = 20_000  # spans: about 20 s of a busy region while the database is away; then the newest are refused
    batch: int = 500
    every_s: float = 0.2
    retry_s: float = 1.0
    keep_days: float = 7.0
    prune_every_s: float = 3600.0


class SpanIngest:
    """A bounded queue of spans in front of the store."""

    def __init__(self, store: Store, clock: Clock, limits: IngestLimits | None = None) -> None:
        """Write to `store`."""
        self._store = store
        self._clock = clock
        self._limits = limits or IngestLimits()
        self._queue: deque[SpanRow] = deque()
        self._writing = asyncio.Lock()

    def add(self, rows: Iterable[SpanRow]) -> int:
        """Take spans without waiting; return how many were refused because too many wait."""
        refused = 0
        for row in rows:
            if len(self._queue) >= self._limits.waiting:
                refused += 1
            else:
                self._queue.append(row)
        if refused:
            DROPPED.labels("queue-full").inc(refused)
        return refused

    async def flush(self) -> None:
        """Write what waits; RecordsAwayError when the database does not answer, and the spans wait on."""
        async with self._writing:
            while self._queue:
                batch = [self._queue[index] for index in range(min(self._limits.batch, len(self._queue)))]
                try:
                    await self._store.add_spans(batch)
                    STORED.inc(len(batch))
                except InvalidRecordError:
                    DROPPED.labels("invalid").inc(len(batch))
                    log.error("spans cannot be stored", extra={"spans": len(batch)})
                for _ in batch:
                    self._queue.popleft()

    async def prune(self) -> int:
        """Delete spans older than `keep_days`."""
        before = self._clock.wall_ns() - int(self._limits.keep_days * _DAY_NS)
        return await self._store.prune_spans(before)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write and prune until the block ends, then write what is left."""
        tasks = [
            asyncio.create_task(self._write_always(), name="span-writer"),
            asyncio.create_task(self._prune_always(), name="span-pruner"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            try:
                async with asyncio.timeout(5.0):
                    await self.flush()
            except (RecordsAwayError, TimeoutError):
                DROPPED.labels("shutdown").inc(len(self._queue))
                log.error("spans are lost at exit: the database is away", extra={"spans": len(self._queue)})

    async def _write_always(self) -> None:
        while True:
            await asyncio.sleep(self._limits.every_s)
            try:
                await self.flush()
            except RecordsAwayError:
                log.warning("the database is away, spans wait", extra={"spans": len(self._queue)})
                await asyncio.sleep(self._limits.retry_s)

    async def _prune_always(self) -> None:
        while True:
            try:
                pruned = await self.prune()
            except RecordsAwayError:
                log.warning("the database is away, old spans stay")
            else:
                log.info("old spans pruned", extra={"spans": pruned})
            await asyncio.sleep(self._limits.prune_every_s)
