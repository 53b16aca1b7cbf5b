"""The store keeps the same rows on SQLite and on a real PostgreSQL."""

import asyncio
import dataclasses
import sqlite3
from pathlib import Path

import asyncpg
import pytest
from tests.records import samples

from voiceplane.records import sqlite_file
from voiceplane.records.errors import AmbiguousCallError, InvalidRecordError, NoSuchCallError, RecordsAwayError
from voiceplane.records.store import Store, async_url, open_store
from voiceplane.runtime.telemetry import CALL_SPAN

OTHER = "4f1c000000000000000000000000000a"


async def test_a_call_comes_back_as_it_was_kept(store: Store) -> None:
    assert await store.append_call(samples.call())
    assert await store.calls() == (samples.call(),)


async def test_the_same_call_again_changes_nothing_and_is_no_error(store: Store) -> None:
    await store.append_call(samples.call())
    assert not await store.append_call(samples.call(outcome="failed"))
    assert await store.calls() == (samples.call(),)


async def test_the_same_audit_again_changes_nothing_and_is_no_error(store: Store) -> None:
    await store.append_audit(samples.audit())
    await store.append_audit(dataclasses.replace(samples.audit(), outcome="failed"))
    assert await store.audits(samples.CALL_ID) == (samples.audit(),)


async def test_two_writers_of_one_call_at_once_keep_it_once(store: Store) -> None:
    kept = await asyncio.gather(*(store.append_call(samples.call()) for _ in range(8)))
    assert sorted(kept) == [False] * 7 + [True]
    (call,) = await store.calls()
    assert len(call.turns) == 3


async def test_what_was_kept_is_there_after_a_restart(database_url: str) -> None:
    async with open_store(database_url) as first:
        await first.append_call(samples.call())
    async with open_store(database_url) as second:
        assert len(await second.calls()) == 1


async def test_calls_are_listed_newest_first_up_to_the_limit(store: Store) -> None:
    for number in range(5):
        await store.append_call(samples.call(f"{number:032x}", started=samples.START + number))
    assert [call.call_id[-1] for call in await store.calls(limit=3)] == ["4", "3", "2"]


async def test_a_call_is_found_by_id_prefix_dashes_and_latest(store: Store) -> None:
    await store.append_call(samples.call(started=samples.START + 5))
    await store.append_call(samples.call(OTHER))
    for wanted in (samples.CALL_ID, "4f1c7", "4F1C7B2E", "4f1c7b2e-9a3d-4f60", "latest"):
        assert await store.resolve(wanted) == samples.CALL_ID


async def test_a_call_with_only_spans_so_far_is_found(store: Store) -> None:
    await store.add_spans([samples.span("a" * 16, name=CALL_SPAN)])
    assert await store.resolve("4f1c7") == samples.CALL_ID
    assert await store.resolve("latest") == samples.CALL_ID


async def test_the_span_of_somebody_who_looks_is_no_call(store: Store) -> None:
    await store.add_spans([samples.span("b" * 16, name="voiceplane.rpc.v1.Records/ListCallRecords", service="records")])
    with pytest.raises(NoSuchCallError, match="no call is recorded yet"):
        await store.resolve("latest")


async def test_a_prefix_of_two_calls_is_ambiguous(store: Store) -> None:
    await store.append_call(samples.call())
    await store.append_call(samples.call(OTHER))
    with pytest.raises(AmbiguousCallError):
        await store.resolve("4f1c")


@pytest.mark.parametrize("wanted", ["latest", "abc", "", "%", "_", "x' OR 1=1", "f" * 33])
async def test_an_unknown_call_is_no_such_call(store: Store, wanted: str) -> None:
    with pytest.raises(NoSuchCallError):
        await store.resolve(wanted)


async def test_spans_come_back_by_start_once_each(store: Store) -> None:
    late, early = samples.span("b" * 16, "a" * 16, start=samples.START + 9), samples.span("a" * 16, error=True)
    await store.add_spans([late, early])
    await store.add_spans([early])
    assert await store.spans(samples.CALL_ID, limit=10) == (early, late)
    assert await store.spans(samples.CALL_ID, limit=1) == (early,)


async def test_old_spans_are_pruned_and_young_ones_stay(store: Store) -> None:
    await store.add_spans([samples.span("a" * 16, start=1000), samples.span("b" * 16)])
    assert await store.prune_spans(samples.START) == 1
    assert [span.span_id for span in await store.spans(samples.CALL_ID, limit=9)] == ["b" * 16]


async def test_a_nul_in_the_callers_words_does_not_lose_the_record(store: Store) -> None:
    await store.append_call(dataclasses.replace(samples.call(), caller_pii="a\0b"))
    assert (await store.calls())[0].caller_pii == "ab"


async def test_a_number_too_large_for_a_database_is_an_invalid_record(store: Store) -> None:
    with pytest.raises(InvalidRecordError):
        await store.append_call(dataclasses.replace(samples.call(), ended_unix_ns=2**70))


async def test_a_database_that_is_away_says_so_without_the_rows(tmp_path: Path) -> None:
    with pytest.raises(RecordsAwayError):
        async with open_store("postgresql://voiceplane@127.0.0.1:1/x"):
            pass


async def test_a_locked_database_is_away_and_its_error_names_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.2)
    path = tmp_path / "r.db"
    async with open_store(f"sqlite:///{path}") as store:
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(RecordsAwayError) as raised:
                await store.append_call(samples.call())
        finally:
            other.close()
    assert "+15550100" not in str(raised.value)


async def test_a_postgresql_that_drops_its_clients_is_away_and_then_used_again(postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_url.replace(name, "postgres"), timeout=10)
    try:
        async with open_store(postgres_url) as store:
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            with pytest.raises(RecordsAwayError):
                await store.append_call(samples.call())
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert await store.append_call(samples.call())
    finally:
        await admin.close(timeout=5)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_that_cannot_keep_records_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite"):
        async_url(url)
