"""A wish that is asked again: by many, later, after a failure, after a restart, and when its memory is full."""

import asyncio
import dataclasses

import pytest
from tests.tools.desk import GOOD, LOOK, PAY, Desk

from voiceplane.contract.dialogue import ToolOutcome
from voiceplane.contract.ids import CallId
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
)


async def test_the_same_wish_asked_by_many_runs_once(desk: Desk) -> None:
    invoker, backend, ledger = desk

    async def soon() -> str:
        await asyncio.sleep(0.05)
        return '{"paid": 1}'

    backend.steps = [soon]

    replies = await asyncio.gather(*(invoker.invoke(PAY) for _ in range(20)))
    again = await invoker.invoke(PAY)

    assert len(backend.attempts) == 1 and len(ledger.ended) == 1
    assert {reply.result_json for reply in [*replies, again]} == {'{"paid": 1}'}


async def test_a_tool_that_must_run_once_keeps_its_failure(desk: Desk) -> None:
    invoker, backend, _ = desk
    backend.steps = [AttemptTimedOutError("slow"), GOOD]

    replies = [await invoker.invoke(PAY) for _ in range(2)]

    assert [reply.outcome for reply in replies] == [ToolOutcome.TIMED_OUT] * 2 and len(backend.attempts) == 1


async def test_an_idempotent_tool_that_failed_may_be_asked_again(desk: Desk) -> None:
    invoker, backend, _ = desk
    backend.steps = [AttemptFailedError("HTTP status 404"), GOOD]

    replies = [await invoker.invoke(LOOK) for _ in range(2)]

    assert [reply.outcome for reply in replies] == [ToolOutcome.FAILED, ToolOutcome.OK]


async def test_one_key_for_two_wishes_is_refused(desk: Desk) -> None:
    invoker, backend, ledger = desk
    await invoker.invoke(LOOK)

    stolen = await invoker.invoke(dataclasses.replace(LOOK, arguments_json='{"number": "999", "day": "2026-11-30"}'))

    assert (stolen.outcome, stolen.result_json) == (ToolOutcome.REFUSED, "")
    assert len(backend.attempts) == 1 and ledger.told[1] == ("refused", "refused", 0)


async def test_who_asked_may_go_away_and_the_attempt_is_still_on_record(desk: Desk) -> None:
    invoker, backend, ledger = desk
    going, running = asyncio.Event(), asyncio.Event()

    async def until_gone() -> str:
        running.set()
        await going.wait()
        return '{"paid": 1}'

    backend.steps = [until_gone]
    asking = asyncio.create_task(invoker.invoke(PAY))
    await running.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    going.set()

    reply = await invoker.invoke(PAY)

    assert reply.outcome is ToolOutcome.OK and len(backend.attempts) == 1
    assert ledger.told == [("allowed", "ok", 1)]


async def test_a_key_that_an_earlier_process_started_runs_again_only_if_idempotent(desk: Desk) -> None:
    invoker, backend, ledger = desk
    ledger.spent_keys = {"key-1", "key-2"}

    paid = await invoker.invoke(PAY)
    looked = await invoker.invoke(dataclasses.replace(LOOK, idempotency_key="key-2"))

    assert (paid.outcome, paid.reason) == (ToolOutcome.FAILED, "an earlier attempt may have run")
    assert looked.outcome is ToolOutcome.OK and len(backend.attempts) == 1


async def test_old_results_are_forgotten_and_running_ones_never(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    invoker, backend, _ = desk
    monkeypatch.setattr("voiceplane.tools.memory.MAX_WISHES", 3)
    monkeypatch.setattr("voiceplane.tools.memory.MAX_CALLS", 3)
    calls = [CallId(f"{number:032x}") for number in range(6)]
    for call in calls:
        await invoker.invoke(dataclasses.replace(PAY, call_id=call))

    for call in reversed(calls):
        await invoker.invoke(dataclasses.replace(PAY, call_id=call))

    assert 8 <= len(backend.attempts) <= 10  # the newest were remembered, the oldest ran again


async def test_a_wish_that_runs_is_not_forgotten_for_newer_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    invoker, backend, _ = desk
    monkeypatch.setattr("voiceplane.tools.memory.MAX_WISHES", 2)
    running, going = asyncio.Event(), asyncio.Event()

    async def until_told() -> str:
        running.set()
        await going.wait()
        return '{"paid": 1}'

    backend.steps = [until_told, GOOD]
    first = asyncio.create_task(invoker.invoke(PAY))
    await running.wait()
    for number in range(5):
        await invoker.invoke(dataclasses.replace(PAY, call_id=CallId(f"{number:032x}")))
    again = asyncio.create_task(invoker.invoke(PAY))
    await asyncio.sleep(0)
    going.set()

    assert (await first).result_json == (await again).result_json == '{"paid": 1}'
    assert len(backend.attempts) == 6
