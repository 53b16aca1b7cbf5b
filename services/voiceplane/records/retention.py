"""Delete calls and audit records when they are old enough. Runs beside records.service; the store does the deleting."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from prometheus_client import Counter

from voiceplane.records.errors import RecordsAwayError
from voiceplane.records.store import Store
from voiceplane.runtime.clock import Clock

log = logging.getLogger(__name__)
DELETED = Counter("voiceplane_records_expired_total", "Records deleted because of their age", ["kind"])
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long things are kept, in days; 0 keeps them for ever."""

    calls_days: float = 90.0  # with the words of both sides: personal data
    audits_days: float = 730.0  # what was done in whose name; arguments are redacted
    every_s: float = 3600.0
    batch: int = 500  # calls in one transaction: SQLite has one writer, and new records must not wait long


class Retention:
    """Applies the settings, again and again."""

    def __init__(self, store: Store, clock: Clock, settings: RetentionSettings | None = None) -> None:
        """Delete from `store`."""
        self._store = store
        self._clock = clock
        self._settings = settings or RetentionSettings()

    async def apply(self) -> tuple[int, int]:
        """Delete what is too old now; return how many calls and audit records went."""
        settings = self._settings
        calls = audits = 0
        if settings.calls_days:
            before = self._clock.wall_ns() - int(settings.calls_days * _DAY_NS)
            while gone := await self._store.prune_calls(before, limit=settings.batch):
                calls += gone
                DELETED.labels("call").inc(gone)
        if settings.audits_days:
            before = self._clock.wall_ns() - int(settings.audits_days * _DAY_NS)
            audits = await self._store.prune_audits(before)
            DELETED.labels("audit").inc(audits)
        return calls, audits

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Apply now and every hour until the block ends."""
        task = asyncio.create_task(self._always(), name="retention")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _always(self) -> None:
        while True:
            try:
                calls, audits = await self.apply()
            except RecordsAwayError:
                log.warning("the database is away, old records stay")
            else:
                log.info("old records deleted", extra={"calls": calls, "audits": audits})
            await asyncio.sleep(self._settings.every_s)
