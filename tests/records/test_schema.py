"""Databases of older versions are brought to this one, on SQLite and on PostgreSQL; newer ones are left alone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from tests.records import samples

from voiceplane.records import schema, tables
from voiceplane.records.errors import NewerSchemaError, RecordsAwayError
from voiceplane.records.store import async_url, open_store

AUTHENTICATION = "caller_authentication"
Shape = dict[str, tuple[set[tuple[str, bool]], set[str | None]]]


async def run(url: str, work: Callable[[Connection], Any]) -> Any:
    if url.startswith("sqlite"):
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def shape(connection: Connection) -> Shape:
    """Return each table's columns and indexes."""
    seen = inspect(connection)
    return {
        name: (
            {(column["name"], column["nullable"]) for column in seen.get_columns(name)},
            {index["name"] for index in seen.get_indexes(name)},
        )
        for name in seen.get_table_names()
    }


def first_version(connection: Connection) -> None:
    """Make the tables as they were before versions were written down."""
    tables.metadata.create_all(connection)
    older(connection)


def older(connection: Connection) -> None:
    """Take away what the steps since the first version brought."""
    connection.execute(text("DROP INDEX audits_at"))
    connection.execute(text("ALTER TABLE spans DROP COLUMN events"))
    later = (("calls", "caller_trust"), ("calls", AUTHENTICATION), ("calls", "region"))
    for table, column in (*later, ("audits", AUTHENTICATION), ("audits", "region")):
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))


def version(connection: Connection) -> list[int]:
    return list(connection.execute(text("SELECT version FROM schema_version")).scalars())


async def test_an_old_database_gets_the_shape_of_a_new_one_and_keeps_its_rows(database_url: str) -> None:
    async with open_store(database_url) as store:
        await store.append_call(samples.call())
        await store.append_audit(samples.audit())
        await store.add_spans([samples.span("a" * 16)])
    new = await run(database_url, shape)
    assert "audits_at" in new["audits"][1]

    def back_to_first(connection: Connection) -> None:
        connection.execute(text("DROP TABLE schema_version"))
        older(connection)

    await run(database_url, back_to_first)
    assert "audits_at" not in (await run(database_url, shape))["audits"][1]
    async with open_store(database_url) as store:
        untold = replace(samples.call(), caller_trust="", caller_authentication="")
        assert await store.calls() == (untold,)
        assert await store.audits(samples.CALL_ID) == (replace(samples.audit(), caller_authentication=""),)
        assert await store.spans(samples.CALL_ID, limit=9) == (samples.span("a" * 16),)
    assert await run(database_url, shape) == new
    assert await run(database_url, version) == [schema.CURRENT]


async def test_two_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    await run(database_url, first_version)

    async def start() -> None:
        async with open_store(database_url) as store:
            assert await store.calls() == ()

    await asyncio.gather(start(), start(), start())
    assert await run(database_url, version) == [schema.CURRENT]


async def test_a_database_of_a_newer_voiceplane_is_refused_and_left_as_it_is(database_url: str) -> None:
    async with open_store(database_url):
        pass
    await run(database_url, lambda connection: connection.execute(text("UPDATE schema_version SET version = 99")))
    with pytest.raises(NewerSchemaError, match="schema version 99, this voiceplane knows"):
        async with open_store(database_url):
            pass
    assert await run(database_url, version) == [99]


async def test_a_step_that_fails_changes_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(database_url):
        pass
    before = await run(database_url, shape)
    steps = {**schema.STEPS, schema.CURRENT + 1: ("CREATE TABLE half (x BIGINT)", "CREATE INDEX h ON nowhere (x)")}
    monkeypatch.setattr(schema, "STEPS", steps)
    monkeypatch.setattr(schema, "CURRENT", max(steps))
    with pytest.raises(RecordsAwayError):
        async with open_store(database_url):
            pass
    assert await run(database_url, shape) == before
    assert await run(database_url, version) == [max(steps) - 1]
