"""Run a tool, or do not: gate, arguments, attempts, result, and one audit record for each attempt, allowed or not."""

import asyncio
import json
import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from voiceplane.contract.agent import Tool
from voiceplane.contract.dialogue import ToolOutcome, ToolReply, ToolRequest
from voiceplane.contract.load import Bundle
from voiceplane.policy.gate import decide
from voiceplane.policy.redact import redact
from voiceplane.runtime.clock import Clock
from voiceplane.tools.errors import ToolAttemptError
from voiceplane.tools.http_backend import Attempt
from voiceplane.tools.schema import InvalidArgumentsError, argument_schema, read_arguments, read_result

log = logging.getLogger(__name__)

MAX_CALLS = 10_000  # calls whose attempts and results are remembered; the oldest are forgotten
BACKOFF_S = 0.1


@dataclass(frozen=True, slots=True)
class Audit:
    """One attempt, for the record. No argument is in it unless the policy shows it."""

    id: str
    request: ToolRequest
    decision: str
    outcome: str
    reason: str
    attempt: int
    duration_ms: float
    at_ns: int
    arguments: Mapping[str, str]
    policy_digest: str


class AuditSink(Protocol):
    """Where audit records go."""

    def has_room(self) -> bool:
        """Say whether another record can be kept: without it no tool runs."""
        ...

    def put(self, audit: Audit) -> None:
        """Keep a record until the records process has it."""
        ...


class Backend(Protocol):
    """Carries out one attempt."""

    async def run(self, tool: Tool, attempt: Attempt) -> str:
        """Return the result's text; ToolAttemptError otherwise."""
        ...


@dataclass(slots=True)
class _CallMemory:
    attempts: int = 0
    results: "dict[str, asyncio.Future[ToolReply]] | None" = None


class Invoker:
    """The tool gateway's core; one per process."""

    def __init__(
        self, bundles: Callable[[str, str], Bundle | None], backend: Backend, sink: AuditSink, clock: Clock
    ) -> None:
        """`bundles` finds an agent's revision by (namespace/name, revision)."""
        self._bundles = bundles
        self._backend = backend
        self._sink = sink
        self._clock = clock
        self._calls: OrderedDict[str, _CallMemory] = OrderedDict()

    async def invoke(self, request: ToolRequest) -> ToolReply:
        """Run the tool once for each idempotency key; a repeated request gets the first one's reply."""
        memory = self._memory(request.call_id)
        results = memory.results if memory.results is not None else {}
        memory.results = results
        known = results.get(request.idempotency_key) if request.idempotency_key else None
        if known is not None:
            return await asyncio.shield(known)
        running: asyncio.Future[ToolReply] = asyncio.get_running_loop().create_future()
        results[request.idempotency_key] = running
        try:
            reply = await self._invoke(request, memory)
        except BaseException:
            del results[request.idempotency_key]
            running.cancel()
            raise
        running.set_result(reply)
        if reply.outcome is not ToolOutcome.OK:
            del results[request.idempotency_key]  # a later wish may try again
        return reply

    async def _invoke(self, request: ToolRequest, memory: _CallMemory) -> ToolReply:
        bundle = self._bundles(request.agent, request.revision)
        decision = decide(request, bundle, attempts_in_call=memory.attempts)
        memory.attempts += 1
        if decision.tool is None or bundle is None:
            return self._refused(request, bundle, ToolOutcome.REFUSED, decision.reason)
        if not self._sink.has_room():
            log.error("a tool was refused: its audit record could not be kept", extra={"tool": request.tool})
            return ToolReply(ToolOutcome.REFUSED, "", "audit-away", 0)
        intent = bundle.agent.spec.intent(request.intent)
        try:
            arguments = read_arguments(request.arguments_json, argument_schema(decision.tool, intent))
        except InvalidArgumentsError as error:
            return self._refused(request, bundle, ToolOutcome.INVALID_ARGUMENTS, str(error))
        return await self._attempts(request, bundle, decision.tool, arguments)

    def _refused(self, request: ToolRequest, bundle: Bundle | None, outcome: ToolOutcome, reason: str) -> ToolReply:
        self._record(request, bundle, _Attempted("refused", outcome, reason, 0, 0.0), {})
        return ToolReply(outcome, "", reason, 0)

    async def _attempts(
        self, request: ToolRequest, bundle: Bundle, tool: Tool, arguments: Mapping[str, Any]
    ) -> ToolReply:
        tries = 1 + (tool.retries if tool.idempotent else 0)
        reply = ToolReply(ToolOutcome.FAILED, "", "not tried", 0)
        for number in range(1, tries + 1):
            started = self._clock.monotonic()
            repeatable = False
            attempt = Attempt(arguments, tool.timeout, request.idempotency_key, tool.max_result_bytes)
            try:
                async with asyncio.timeout(tool.timeout):
                    text = await self._backend.run(tool, attempt)
                result = read_result(text, tool.result)
                reply = ToolReply(ToolOutcome.OK, json.dumps(result, ensure_ascii=False), "", number)
            except ToolAttemptError as error:
                reply = ToolReply(error.outcome, "", str(error), number)
                repeatable = error.repeatable
            except TimeoutError:
                reply = ToolReply(ToolOutcome.TIMED_OUT, "", "no answer in time", number)
                repeatable = True
            duration_ms = (self._clock.monotonic() - started) * 1000
            attempted = _Attempted("allowed", reply.outcome, reply.reason, number, duration_ms)
            self._record(request, bundle, attempted, arguments)
            if reply.outcome is ToolOutcome.OK or not repeatable:
                return reply
            if number < tries:
                await asyncio.sleep(BACKOFF_S * number)
        return reply

    def _record(
        self, request: ToolRequest, bundle: Bundle | None, attempted: "_Attempted", arguments: Mapping[str, Any]
    ) -> None:
        shown = redact(arguments, bundle.policy.redaction) if bundle else {}
        self._sink.put(
            Audit(
                uuid.uuid4().hex,
                request,
                attempted.decision,
                attempted.outcome.value,
                attempted.reason,
                attempted.number,
                round(attempted.duration_ms, 2),
                self._clock.wall_ns(),
                shown,
                bundle.policy_digest if bundle else "",
            )
        )

    def _memory(self, call_id: str) -> _CallMemory:
        memory = self._calls.setdefault(call_id, _CallMemory())
        self._calls.move_to_end(call_id)
        while len(self._calls) > MAX_CALLS:
            self._calls.popitem(last=False)
        return memory


@dataclass(frozen=True, slots=True)
class _Attempted:
    decision: str
    outcome: ToolOutcome
    reason: str
    number: int
    duration_ms: float
