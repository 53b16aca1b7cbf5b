"""The pipeline of one wish, on a backend that can be told how to behave: the decisions, not the wire."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from voiceplane.contract.agent import Tool
from voiceplane.contract.dialogue import ToolOutcome, ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.runtime.clock import SystemClock
from voiceplane.tools.errors import (
    AttemptFailedError,
    AttemptTimedOutError,
    AttemptUnreachableError,
    AuditAwayError,
    ToolAttemptError,
)
from voiceplane.tools.invoke import NO_CALL, Invoker
from voiceplane.tools.ports import Attempt, Audit

CALL = CallId("4f1c7b2e9a3d4f60b1e2c3d4a5f60718")
BUNDLE: Bundle = load_bundle("""
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  intents:
    - name: look
      examples: ["look"]
      slots: [{name: number, type: digits, length: 3, ask: "Which?"}, {name: day, type: date, ask: "When?"}]
      tool: look-up
      reply: "Yes."
    - {name: pay, examples: ["pay"], tool: pay-bill, reply: "Yes."}
  tools:
    - name: look-up
      http: {url: "http://a.svc/{number}"}
      timeout: 200ms
      idempotent: true
      retries: 2
      result: {type: object, required: [status]}
    - {name: pay-bill, http: {method: POST, url: "http://a.svc/pay"}, timeout: 1s, retries: 5}
  policyRef: {name: rules}
---
apiVersion: voiceplane.dev/v1alpha1
kind: VoicePolicy
metadata: {name: rules, namespace: support}
spec: {tools: {maxAttemptsPerCall: 6}, redaction: {showArguments: [day]}}
""")
LOOK = ToolRequest(
    CALL, "support/desk", BUNDLE.revision, 4, "look", "look-up", '{"number": "731", "day": "2026-11-30"}', "key-1"
)
PAY = dataclasses.replace(LOOK, intent="pay", tool="pay-bill", arguments_json="{}")
GOOD = '{"status": "here"}'
Step = Callable[[], Awaitable[str]]


class Ledger:
    """An AuditSink that can be full, and the order in which things happened."""

    def __init__(self) -> None:
        self.full = False
        self.begun: list[Audit] = []
        self.ended: list[Audit] = []
        self.spent_keys: set[str] = set()

    def spent(self, call_id: str, idempotency_key: str) -> bool:
        return idempotency_key in self.spent_keys

    async def begin(self, audit: Audit) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise AuditAwayError("the disk takes no audit record")
        self.begun.append(audit)

    async def finish(self, audit: Audit) -> None:
        await asyncio.sleep(0)
        self.ended.append(audit)

    @property
    def told(self) -> list[tuple[str, str, int]]:
        return [(audit.decision, audit.outcome, audit.attempt) for audit in self.ended]


class Scripted:
    """A Backend that does one step for each attempt, the last one again and again."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.steps: list[str | ToolAttemptError | Step] = [GOOD]
        self.attempts: list[Attempt] = []

    async def run(self, tool: Tool, attempt: Attempt) -> str:
        assert len(self.ledger.begun) == len(self.attempts) + 1, "an attempt ran before it was written down"
        step = self.steps[min(len(self.attempts), len(self.steps) - 1)]
        self.attempts.append(attempt)
        if isinstance(step, ToolAttemptError):
            raise step
        return step if isinstance(step, str) else await step()


Desk = tuple[Invoker, Scripted, Ledger]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    ledger = Ledger()
    backend = Scripted(ledger)
    bundles = {("support/desk", BUNDLE.revision): BUNDLE}
    invoker = Invoker(lambda agent, revision: bundles.get((agent, revision)), backend, ledger, SystemClock())
    async with asyncio.timeout(30), invoker.running():
        yield invoker, backend, ledger
    assert {audit.id for audit in ledger.begun} <= {audit.id for audit in ledger.ended}


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


async def test_without_room_for_its_record_no_tool_runs(desk: Desk) -> None:
    invoker, backend, ledger = desk
    ledger.full = True

    refused = await invoker.invoke(PAY)
    ledger.full = False
    allowed = await invoker.invoke(PAY)

    assert (refused.outcome, refused.reason) == (ToolOutcome.REFUSED, "the disk takes no audit record")
    assert allowed.outcome is ToolOutcome.OK and len(backend.attempts) == 1
    assert ledger.told == [("refused", "refused", 1), ("allowed", "ok", 1)]


async def test_a_key_that_an_earlier_process_started_runs_again_only_if_idempotent(desk: Desk) -> None:
    invoker, backend, ledger = desk
    ledger.spent_keys = {"key-1", "key-2"}

    paid = await invoker.invoke(PAY)
    looked = await invoker.invoke(dataclasses.replace(LOOK, idempotency_key="key-2"))

    assert (paid.outcome, paid.reason) == (ToolOutcome.FAILED, "an earlier attempt may have run")
    assert looked.outcome is ToolOutcome.OK and len(backend.attempts) == 1


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
