"""Calls and audits go when they are old enough, on SQLite and on PostgreSQL; the young ones stay whole."""

import asyncio
import dataclasses

import pytest
from tests.records import samples
from tests.waiting import until_told

from voiceplane.records.retention import Retention, RetentionSettings
from voiceplane.records.store import Store
from voiceplane.runtime.clock import SystemClock

DAY_NS = 86_400 * 10**9


class At(SystemClock):
    """A clock that stands at a number of days after the sample calls."""

    def __init__(self, days: float) -> None:
        self.days = days

    def wall_ns(self) -> int:
        return samples.START + int(self.days * DAY_NS)


def ids(count: int) -> list[str]:
    return [f"{number:032x}" for number in range(1, count + 1)]


async def test_old_calls_go_with_their_words_and_young_ones_stay_whole(store: Store) -> None:
    young = samples.call("f" * 32, started=samples.START + 50 * DAY_NS)
    for call in [*(samples.call(call_id) for call_id in ids(7)), young]:
        await store.append_call(call)
    retention = Retention(store, At(100), RetentionSettings(calls_days=90, batch=3))
    assert await retention.apply() == (7, 0)
    assert await store.calls() == (young,)
    again = dataclasses.replace(samples.call(ids(1)[0]), turns=())
    await store.append_call(again)  # nothing of the old call's words is found under its id
    assert (await store.calls(call_id=again.call_id))[0].turns == ()
    assert await retention.apply() == (1, 0)


async def test_a_call_is_as_old_as_its_end(store: Store) -> None:
    await store.append_call(samples.call())  # ended 24 s after its start
    limit = RetentionSettings(calls_days=1)
    assert await Retention(store, At(1 + 23 / 86_400), limit).apply() == (0, 0)
    assert await Retention(store, At(1 + 25 / 86_400), limit).apply() == (1, 0)


async def test_audits_have_an_age_of_their_own(store: Store) -> None:
    await store.append_call(samples.call())
    await store.append_audit(samples.audit("old"))
    await store.append_audit(samples.audit("young", at=samples.START + 500 * DAY_NS))
    assert await Retention(store, At(1000), RetentionSettings()).apply() == (1, 1)
    assert [audit.id for audit in await store.audits(samples.CALL_ID)] == ["young"]


async def test_zero_days_keep_for_ever(store: Store) -> None:
    await store.append_call(samples.call())
    await store.append_audit(samples.audit())
    assert await Retention(store, At(10_000), RetentionSettings(calls_days=0, audits_days=0)).apply() == (0, 0)
    assert len(await store.calls()) == 1


async def test_what_runs_beside_the_service_deletes_at_once_and_again(store: Store) -> None:
    await store.append_call(samples.call())
    clock = At(89)
    async with Retention(store, clock, RetentionSettings(every_s=0.02)).running():
        await asyncio.sleep(0.1)
        assert len(await store.calls()) == 1
        clock.days = 91

        async def is_empty() -> bool:
            return not await store.calls()

        await until_told(is_empty)


@pytest.mark.parametrize("days", ["-1", "nan", "forever"])
async def test_an_age_that_is_none_is_refused_at_the_start(days: str) -> None:
    from voiceplane.records.__main__ import main

    with pytest.raises(SystemExit):
        main(["serve", "--keep-calls-days", days])
