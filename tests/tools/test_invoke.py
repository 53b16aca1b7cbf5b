"""The pipeline of one wish, on a backend that can be told how to behave: the decisions, not the wire."""

import asyncio
import dataclasses
import json

import pytest
from tests.tools.desk import BUNDLE, CALL, GOOD, LOOK, PAY, Desk, Step

from voiceplane.contract.dialogue import ToolOutcome, ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    ToolAttemptError,
)
from voiceplane.tools.invoke import NO_CALL


async def test_a_result_is_checked_and_its_attempt_is_on_record(desk: Desk) -> None:
    invoker, backend, ledger = desk

    reply = await invoker.invoke(LOOK)

    assert (reply.outcome, reply.attempts, json.loads(reply.result_json)) == (ToolOutcome.OK, 1, {"status": "here"})
    assert ledger.told == [("allowed", "ok", 1)]
    assert dict(ledger.ended[0].arguments) == {"number": "[3 characters]", "day": "2026-11-30"}
    assert ledger.ended[0].policy_digest == BUNDLE.policy_digest and ledger.ended[0].request == LOOK
    assert backend.attempts[0].idempotency_key == "key-1" and backend.attempts[0].timeout_s <= 0.2


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"revision": "old"}, "refused", "unknown-revision"),
        ({"tool": "drop"}, "refused", "unknown-tool"),
        ({"intent": "pay"}, "refused", "not-for-this-intent"),
        ({"authentication": "root"}, "refused", "authentication"),
        ({"arguments_json": "{}"}, "invalid-arguments", "(object) breaks required"),
        ({"arguments_json": '{"number": "../", "day": "2026-11-30"}'}, "invalid-arguments", "number breaks pattern"),
        ({"idempotency_key": ""}, "invalid-arguments", "idempotency_key is not 1 to 200 visible ASCII characters"),
        (
            {"idempotency_key": "a\r\nHost: b"},
            "invalid-arguments",
            "idempotency_key is not 1 to 200 visible ASCII characters",
        ),
        ({"intent": "my name is Eve"}, "invalid-arguments", "a name is empty or holds odd characters"),
        ({"call_id": "x"}, "invalid-arguments", "call_id is not 32 lowercase hex digits"),
    ],
)
async def test_a_refusal_runs_nothing_and_is_one_record(
    desk: Desk, changes: dict[str, str], outcome: str, reason: str
) -> None:
    invoker, backend, ledger = desk
    asked = ToolRequest(**{**dataclasses.asdict(LOOK), **changes})

    reply = await invoker.invoke(asked)

    assert (reply.outcome.value, reply.reason, reply.attempts) == (outcome, reason, 0)
    assert not backend.attempts and ledger.told == [("refused", outcome, 0)]
    record = ledger.ended[0]
    assert record.request.call_id == (NO_CALL if "call_id" in changes else CALL)
    assert "Eve" not in record.request.intent and "\n" not in record.request.idempotency_key
    assert dict(record.arguments) == {"(unchecked)": f"[{len(asked.arguments_json)} characters]"}


@pytest.mark.parametrize("error", [AttemptTimedOutError("slow"), AttemptUnreachableError("HTTP status 503")])
async def test_an_idempotent_tool_is_tried_again_with_the_same_key(desk: Desk, error: ToolAttemptError) -> None:
    invoker, backend, ledger = desk
    backend.steps = [error, error, GOOD]

    reply = await invoker.invoke(LOOK)

    assert (reply.outcome, reply.attempts) == (ToolOutcome.OK, 3)
    assert [attempt.idempotency_key for attempt in backend.attempts] == ["key-1"] * 3
    assert ledger.told == [
        ("allowed", error.outcome.value, 1),
        ("allowed", error.outcome.value, 2),
        ("allowed", "ok", 3),
    ]


@pytest.mark.parametrize(
    ("request_", "steps", "outcome", "attempts"),
    [
        (LOOK, [AttemptUnreachableError("HTTP status 500")], "failed", 3),
        (LOOK, [AttemptFailedError("HTTP status 404")], "failed", 1),
        (LOOK, ["not json"], "invalid-result", 1),
        (LOOK, ['{"other": 1}'], "invalid-result", 1),
        (PAY, [AttemptUnreachableError("HTTP status 500")], "failed", 1),
        (PAY, [AttemptTimedOutError("slow")], "timed-out", 1),
    ],
)
async def test_only_what_may_help_is_tried_again(
    desk: Desk, request_: ToolRequest, steps: list[str | ToolAttemptError | Step], outcome: str, attempts: int
) -> None:
    invoker, backend, ledger = desk
    backend.steps = steps

    reply = await invoker.invoke(request_)

    assert (reply.outcome.value, reply.attempts, len(backend.attempts)) == (outcome, attempts, attempts)
    assert ledger.told == [("allowed", outcome, number + 1) for number in range(attempts)]


async def never() -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_backend_that_hangs_is_left_after_the_tools_timeout(desk: Desk) -> None:
    invoker, backend, ledger = desk
    backend.steps = [never]

    reply = await invoker.invoke(LOOK)

    assert (reply.outcome, reply.reason, reply.attempts) == (ToolOutcome.TIMED_OUT, "no answer in time", 3)
    assert all(audit.duration_ms >= 150 for audit in ledger.ended)


async def test_the_whole_wish_ends_with_the_time_of_who_asked(desk: Desk) -> None:
    invoker, backend, ledger = desk
    backend.steps = [never]

    short = await invoker.invoke(LOOK, within_s=0.25)
    none = await invoker.invoke(dataclasses.replace(LOOK, idempotency_key="key-2"), within_s=0.0)

    assert (short.outcome, short.attempts) == (ToolOutcome.TIMED_OUT, 1)
    assert (none.outcome, none.attempts, none.reason) == (ToolOutcome.TIMED_OUT, 0, "no time was left")
    assert ledger.told == [("allowed", "timed-out", 1), ("refused", "timed-out", 0)]


async def test_attempts_of_a_call_are_limited_with_retries_counted(desk: Desk) -> None:
    invoker, backend, ledger = desk
    backend.steps = [AttemptUnreachableError("HTTP status 500")]
    wishes = [PAY, *(dataclasses.replace(LOOK, idempotency_key=f"look-{number}") for number in range(3))]

    replies = [await invoker.invoke(wish) for wish in wishes]
    other_call = await invoker.invoke(dataclasses.replace(LOOK, call_id=CallId("a" * 32)))

    assert [reply.attempts for reply in replies] == [1, 3, 2, 0]  # six in all, as the policy says
    assert replies[3].reason == "too-many-attempts" and other_call.attempts == 3
    assert ledger.told[6] == ("refused", "refused", 0)


async def test_without_room_for_its_record_no_tool_runs(desk: Desk) -> None:
    invoker, backend, ledger = desk
    ledger.full = True

    refused = await invoker.invoke(PAY)
    ledger.full = False
    allowed = await invoker.invoke(PAY)

    assert (refused.outcome, refused.reason) == (ToolOutcome.REFUSED, "the disk takes no audit record")
    assert allowed.outcome is ToolOutcome.OK and len(backend.attempts) == 1
    assert ledger.told == [("refused", "refused", 1), ("allowed", "ok", 1)]


async def test_a_fault_in_a_backend_ends_one_wish_and_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    invoker, backend, ledger = desk

    async def fault() -> str:
        raise KeyError("a bug")

    backend.steps = [fault, GOOD]

    failed = await invoker.invoke(LOOK)
    after = await invoker.invoke(dataclasses.replace(LOOK, idempotency_key="key-2"))

    assert (failed.outcome, failed.reason) == (ToolOutcome.FAILED, "the tool gateway failed")
    assert after.outcome is ToolOutcome.OK
    assert ledger.told[0] == ("allowed", "failed", 1)
    assert "unforeseen" in caplog.text


async def test_too_many_wishes_at_once_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    invoker, backend, _ = desk
    monkeypatch.setattr("voiceplane.tools.memory.MAX_RUNNING", 2)
    backend.steps = [never]
    calls = [CallId(f"{number:032x}") for number in range(3)]

    replies = await asyncio.gather(*(invoker.invoke(dataclasses.replace(PAY, call_id=call)) for call in calls))

    assert [reply.outcome.value for reply in replies] == ["timed-out", "timed-out", "refused"]
    assert replies[2].reason == "overloaded"
