"""Keep rows in SQLite or PostgreSQL: which one is only the URL. Called by records.service and records.ingest."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, event, select, union
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from voiceplane.records import schema, sqlite_file, tables
from voiceplane.records.errors import AmbiguousCallError, InvalidRecordError, NoSuchCallError, RecordsAwayError
from voiceplane.records.rows import AuditRow, CallRow, EventRow, QualityRow, SpanRow, TurnRow
from voiceplane.runtime.clock import SystemClock
from voiceplane.runtime.telemetry import CALL_SPAN

_HEX = frozenset("0123456789abcdef")
_QUALITY = tuple(field.name for field in dataclasses.fields(QualityRow))
MAX_LISTED = 1000


def async_url(url: str) -> str:
    """Complete a plain sqlite:// or postgresql:// URL with its asyncio driver; ValueError for other databases."""
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("write a database URL such as sqlite:///records.db or postgresql://user@host/name") from error
    name = parsed.drivername.split("+")[0]
    if name not in drivers:
        raise ValueError(f"records are kept in sqlite or postgresql, not {name}")
    if name == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("name a file for sqlite, such as sqlite:///records.db: records must survive the process")
    return parsed.set(drivername=drivers[name]).render_as_string(hide_password=False)


@contextlib.asynccontextmanager
async def open_store(url: str) -> AsyncIterator["Store"]:
    """Connect, bring the tables to this version, and close at the end; RecordsAwayError when nothing answers."""
    complete = async_url(url)
    if complete.startswith("sqlite"):
        path = Path(make_url(complete).database or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _stated():
            await asyncio.to_thread(sqlite_file.use_wal, path, SystemClock())
        engine = create_async_engine(complete, connect_args={"timeout": sqlite_file.BUSY_S})
        event.listen(engine.sync_engine, "connect", sqlite_file.durable)
    else:
        # A dead peer must not hold a request: 5 s to connect, 5 s for a statement.
        engine = create_async_engine(
            complete, pool_pre_ping=True, pool_size=5, connect_args={"timeout": 5, "command_timeout": 5}
        )
    try:
        with _stated():
            async with engine.begin() as connection:
                await connection.run_sync(schema.migrate)
        yield Store(engine)
    finally:
        await engine.dispose()


@contextlib.contextmanager
def _stated() -> Iterator[None]:
    """Turn the driver's errors into ours, without the values that the statement held."""
    try:
        yield
    except (DataError, IntegrityError, OverflowError) as error:
        raise InvalidRecordError(type(error).__name__) from None
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        if isinstance(error, DBAPIError) and _is_about_values(error):
            raise InvalidRecordError(type(error).__name__) from None
        raise RecordsAwayError(f"the database does not answer: {type(error).__name__}") from None


def _is_about_values(error: DBAPIError) -> bool:
    """Say whether the values were wrong: asyncpg tells it only by its cause and SQLSTATE (22 data, 23 constraint)."""
    state = getattr(error.orig, "sqlstate", None) or ""
    cause = error.orig.__cause__ if error.orig is not None else None
    return state[:2] in ("22", "23") or isinstance(cause, ValueError)


def _clean(value: str) -> str:
    return value.replace("\0", "")  # PostgreSQL has no NUL in text


def _values(row: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name not in without}
    return {name: _clean(value) if isinstance(value, str) else value for name, value in values.items()}


def _span_values(row: SpanRow) -> dict[str, Any]:
    return _values(row) | {"events": [dataclasses.asdict(one) for one in row.events]}


async def _is_of(region: str, connection: AsyncConnection, regions: Any) -> None:
    """See that an id is no other region's; InvalidRecordError, which undoes what was written under it."""
    if any(one != region for one in (await connection.execute(regions)).scalars()):
        raise InvalidRecordError("the id is of a call or audit of another region")


class Store:
    """Rows in a database; every method is one transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Use an engine whose tables exist."""
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def _add(self, connection: AsyncConnection, table: Table, values: list[dict[str, Any]]) -> int:
        result = await connection.execute(self._insert(table).on_conflict_do_nothing(), values)
        return result.rowcount

    async def append_call(self, row: CallRow) -> bool:
        """Keep a call with its turns; False when this call was kept before, which changes nothing."""
        values = _values(row, without=("turns", "quality")) | _values(row.quality)
        with _stated():
            async with self._engine.begin() as connection:
                new = await connection.execute(
                    self._insert(tables.calls).on_conflict_do_nothing().returning(tables.calls.c.call_id), values
                )
                if new.first() is None:
                    calls = tables.calls.c
                    await _is_of(row.region, connection, select(calls.region).where(calls.call_id == row.call_id))
                    return False
                if row.turns:
                    turns = [_values(turn) | {"call_id": row.call_id} for turn in row.turns]
                    await self._add(connection, tables.turns, turns)
        return True

    async def append_audit(self, row: AuditRow) -> None:
        """Keep a tool attempt; the same id again changes nothing."""
        with _stated():
            async with self._engine.begin() as connection:
                await self._add(connection, tables.audits, [_values(row)])
                calls, audits = tables.calls.c, tables.audits.c
                await _is_of(
                    row.region,
                    connection,
                    union(
                        select(calls.region).where(calls.call_id == row.call_id),
                        select(audits.region).where(audits.id == row.id),
                    ),
                )

    async def add_spans(self, rows: Sequence[SpanRow]) -> None:
        """Keep finished spans in one batch; a span sent twice is kept once."""
        if not rows:
            return
        with _stated():
            async with self._engine.begin() as connection:
                await self._add(connection, tables.spans, [_span_values(row) for row in rows])

    async def prune_spans(self, before_unix_ns: int) -> int:
        """Delete spans that ended before a time; return how many."""
        with _stated():
            async with self._engine.begin() as connection:
                result = await connection.execute(
                    delete(tables.spans).where(tables.spans.c.end_unix_ns < before_unix_ns)
                )
                return result.rowcount

    async def prune_calls(self, before_unix_ns: int, *, limit: int) -> int:
        """Delete up to `limit` calls that ended before a time, with their turns; return how many."""
        old = select(tables.calls.c.call_id).where(tables.calls.c.ended_unix_ns < before_unix_ns)
        with _stated():
            async with self._engine.begin() as connection:
                gone = (await connection.execute(old.order_by(tables.calls.c.started_unix_ns).limit(limit))).scalars()
                ids = list(gone)
                await connection.execute(delete(tables.turns).where(tables.turns.c.call_id.in_(ids)))
                await connection.execute(delete(tables.calls).where(tables.calls.c.call_id.in_(ids)))
        return len(ids)

    async def prune_audits(self, before_unix_ns: int) -> int:
        """Delete tool attempts before a time; return how many."""
        with _stated():
            async with self._engine.begin() as connection:
                result = await connection.execute(
                    delete(tables.audits).where(tables.audits.c.at_unix_ns < before_unix_ns)
                )
                return result.rowcount

    async def resolve(self, wanted: str) -> str:
        """Return the whole call id for an id, a prefix or "latest"; also of a call that has only spans so far."""
        if wanted == "latest":
            return await self._latest()
        prefix = wanted.lower().replace("-", "")
        if not prefix or len(prefix) > 32 or not set(prefix) <= _HEX:
            raise NoSuchCallError("a call id is hex digits, or latest")
        calls, spans = tables.calls.c.call_id, tables.spans.c.trace_id
        high = prefix + "g"  # the first text after all that start with the prefix: uses the index in any collation
        fits = union(
            select(calls).where(calls >= prefix, calls < high), select(spans).where(spans >= prefix, spans < high)
        ).limit(2)
        with _stated():
            async with self._engine.connect() as connection:
                found = (await connection.execute(fits)).scalars().all()
        if not found:
            raise NoSuchCallError("no call fits this id")
        if len(found) > 1:
            raise AmbiguousCallError("the prefix fits more than one call: write more digits")
        return str(found[0])

    async def _latest(self) -> str:
        newest = select(tables.calls.c.call_id).order_by(tables.calls.c.started_unix_ns.desc()).limit(1)
        root = (
            select(tables.spans.c.trace_id)
            .where(tables.spans.c.parent_span_id == "", tables.spans.c.name == CALL_SPAN)
            .order_by(tables.spans.c.start_unix_ns.desc())
            .limit(1)
        )
        with _stated():
            async with self._engine.connect() as connection:
                for query in (newest, root):
                    found = (await connection.execute(query)).scalar()
                    if found is not None:
                        return str(found)
        raise NoSuchCallError("no call is recorded yet: voiceplane call places one")

    async def calls(self, *, call_id: str | None = None, limit: int = MAX_LISTED) -> tuple[CallRow, ...]:
        """Return one call, or the newest first."""
        query = select(tables.calls).order_by(tables.calls.c.started_unix_ns.desc()).limit(min(limit, MAX_LISTED))
        if call_id is not None:
            query = query.where(tables.calls.c.call_id == call_id)
        with _stated():
            async with self._engine.connect() as connection:
                found = [dict(row) for row in (await connection.execute(query)).mappings()]
                turns = await self._turns(connection, [row["call_id"] for row in found])
        return tuple(
            CallRow(
                turns=tuple(turns.get(row["call_id"], ())),
                quality=QualityRow(**{name: row.pop(name) for name in _QUALITY}),
                **row,
            )
            for row in found
        )

    async def _turns(self, connection: AsyncConnection, call_ids: list[str]) -> dict[str, list[TurnRow]]:
        query = (
            select(tables.turns)
            .where(tables.turns.c.call_id.in_(call_ids))
            .order_by(tables.turns.c.started_unix_ns, tables.turns.c.index)
        )
        found: dict[str, list[TurnRow]] = {}
        for row in (await connection.execute(query)).mappings():
            values = dict(row)
            found.setdefault(values.pop("call_id"), []).append(TurnRow(**values))
        return found

    async def audits(self, call_id: str) -> tuple[AuditRow, ...]:
        """Return the tool attempts of a call, in order."""
        query = select(tables.audits).where(tables.audits.c.call_id == call_id).order_by(tables.audits.c.at_unix_ns)
        with _stated():
            async with self._engine.connect() as connection:
                return tuple(AuditRow(**row) for row in (await connection.execute(query)).mappings())

    async def spans(self, trace_id: str, *, limit: int) -> tuple[SpanRow, ...]:
        """Return the spans of a call, by start."""
        query = (
            select(tables.spans)
            .where(tables.spans.c.trace_id == trace_id)
            .order_by(tables.spans.c.start_unix_ns, tables.spans.c.end_unix_ns.desc())
            .limit(limit)
        )
        with _stated():
            async with self._engine.connect() as connection:
                found = [dict(row) for row in (await connection.execute(query)).mappings()]
        return tuple(SpanRow(events=tuple(EventRow(**one) for one in row.pop("events")), **row) for row in found)
