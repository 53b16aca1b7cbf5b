"""Run a tool, or do not: gate, arguments, attempts, result, and one audit record for each attempt, allowed or not."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import ToolOutcome, ToolReply, ToolRequest
from voiceplane.contract.ids import CallId, is_session_uuid
from voiceplane.contract.load import Bundle
from voiceplane.contract.tool import CALLER_NUMBER, Tool
from voiceplane.policy.gate import decide
from voiceplane.policy.redact import redact
from voiceplane.runtime.clock import Clock
from voiceplane.tools.errors import AuditAwayError, InvalidArgumentsError, ToolAttemptError
from voiceplane.tools.memory import Memory, Wish
from voiceplane.tools.ports import Attempt, Audit, AuditSink, Backend
from voiceplane.tools.schema import argument_schema, read_arguments, read_result

log = logging.getLogger(__name__)
TOTAL_S = 15.0  # one wish with all its attempts: no caller waits longer on the line
BACKOFF_S = 0.1  # doubled after each attempt
LEAST_S = 0.05  # less time than this is no attempt
ABANDONED = "nobody waits for it any more"
_KEY = re.compile(r"[!-~]{1,200}")  # a header value of visible ASCII (RFC 9110 section 5.5)
_WORD = re.compile(r"[A-Za-z0-9._/-]{1,253}")
_NUMBER = re.compile(r"(\+?[0-9]{2,20})?")
NO_CALL = CallId("0" * 32)  # stands in an audit record for an id that is none


@dataclass(frozen=True, slots=True)
class _Order:
    """A request that passed the gate and the schema."""

    request: ToolRequest
    bundle: Bundle
    tool: Tool
    arguments: Mapping[str, Any]
    deadline: float
    wish: Wish


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
        self._memory = Memory()
        self._group: asyncio.TaskGroup | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Invoker"]:
        """Carry out wishes until the block ends, then finish those in flight, each within TOTAL_S."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            yield self

    async def invoke(self, request: ToolRequest, *, within_s: float = TOTAL_S) -> ToolReply:
        """Run the tool once for each idempotency key; a repeated request gets the first one's reply.

        A wish is a task of its own: the one who asked may go away, the attempt is finished and recorded all the same.
        Only a tool that reads and may be speculated on is stopped, and recorded, when the last one has gone.
        """
        assert self._group is not None, "invoke needs running()"
        fault = _fault(request)
        if fault is not None:
            return await self._refuse(_presentable(request), None, ToolOutcome.INVALID_ARGUMENTS, fault)
        wish = self._memory.wish(request)
        if wish is None:
            if self._memory.full:
                return await self._refuse(request, None, ToolOutcome.REFUSED, "overloaded")
            deadline = self._clock.monotonic() + min(within_s, TOTAL_S)
            wish = Wish(request)
            wish.task = self._group.create_task(self._carry_out(wish, deadline), name=f"wish {uuid.uuid4().hex[:8]}")
            self._memory.begin(wish)
        elif wish.request != request:
            return await self._refuse(request, None, ToolOutcome.REFUSED, "the idempotency key is of another wish")
        assert wish.task is not None
        wish.waiting += 1
        try:
            return await asyncio.shield(wish.task)
        finally:
            self._memory.leave(wish)

    async def _carry_out(self, wish: Wish, deadline: float) -> ToolReply:
        """Be the outermost edge of one wish: whatever happens in it, others go on."""
        request = wish.request
        reply, tried_once = ToolReply(ToolOutcome.FAILED, "", "the tool gateway failed", 0), False
        try:
            reply, tried_once = await self._judged(wish, deadline)
        except Exception:  # the edge of the task
            log.exception("a tool failed in an unforeseen way", extra={"gen_ai.tool.name": request.tool})
        finally:
            self._memory.end(wish, reply, keep=tried_once or reply.outcome is ToolOutcome.OK)
        return reply

    async def _judged(self, wish: Wish, deadline: float) -> tuple[ToolReply, bool]:
        """Return the reply, and whether a tool that may run once has run."""
        request = wish.request
        bundle = self._bundles(request.agent, request.revision)
        memory, call = self._memory, request.call_id
        decision = decide(
            request,
            bundle,
            attempts_in_call=memory.attempts.of(call),
            failed_proofs_in_call=max(memory.failed_proofs.of(call), request.failed_proofs),
        )
        if decision.tool is None or bundle is None:
            return await self._refuse(request, bundle, ToolOutcome.REFUSED, decision.reason), False
        intent = bundle.agent.spec.intent(request.intent)
        try:
            arguments = read_arguments(request.arguments_json, argument_schema(decision.tool, intent))
        except InvalidArgumentsError as error:
            return await self._refuse(request, bundle, ToolOutcome.INVALID_ARGUMENTS, str(error)), False
        if decision.tool.caller_number:
            arguments[CALLER_NUMBER] = request.caller_number  # whatever the planner wrote there
        if not decision.tool.idempotent and self._sink.spent(request.call_id, request.idempotency_key):
            reason = "an earlier attempt may have run"
            return await self._refuse(request, bundle, ToolOutcome.FAILED, reason), False
        wish.read_only = decision.tool.speculative
        proves = decision.tool.grants is not Authentication.NONE
        memory.failed_proofs.add(call, proves)  # in advance: others of the call may be tried at the same time
        reply = await self._attempts(_Order(request, bundle, decision.tool, arguments, deadline, wish))
        memory.failed_proofs.add(call, -int(proves and reply.outcome is ToolOutcome.OK))
        return reply, reply.attempts > 0 and not decision.tool.idempotent

    async def _attempts(self, order: _Order) -> ToolReply:
        tries = 1 + (order.tool.retries if order.tool.idempotent else 0)
        limit = order.bundle.policy.tools.max_attempts_per_call
        reply = ToolReply(ToolOutcome.TIMED_OUT, "", "no time was left", 0)
        for number in range(1, tries + 1):
            if order.wish.abandoned or self._clock.monotonic() + LEAST_S > order.deadline:
                break
            self._memory.attempts.add(order.request.call_id)
            reply, repeatable = await self._attempt(order, number)
            if not repeatable or self._memory.attempts.of(order.request.call_id) >= limit:
                break
            if number < tries:
                await asyncio.sleep(BACKOFF_S * 2 ** (number - 1))
        if reply.attempts == 0 and reply.outcome is ToolOutcome.TIMED_OUT and not order.wish.abandoned:
            return await self._refuse(order.request, order.bundle, reply.outcome, reply.reason)
        return reply

    async def _attempt(self, order: _Order, number: int) -> tuple[ToolReply, bool]:
        """Run the backend once between two writes of its record; say whether another try may help."""
        tool, started = order.tool, self._clock.monotonic()
        audit = self._audit(order.request, order.bundle, redact(order.arguments, order.bundle.policy.redaction))
        audit = dataclasses.replace(audit, attempt=number, once=not tool.idempotent)
        try:
            await self._sink.begin(audit)
        except AuditAwayError as error:
            log.error("a tool was refused: its audit record cannot be kept", extra={"gen_ai.tool.name": tool.name})
            reply = ToolReply(ToolOutcome.REFUSED, "", str(error), number - 1)
            refused = dataclasses.replace(audit, decision="refused", outcome=reply.outcome.value, reason=reply.reason)
            await self._sink.finish(refused)
            return reply, False
        reply, repeatable = ToolReply(ToolOutcome.FAILED, "", "the attempt was cut off", number), False
        try:
            reply, repeatable = await self._run(order, number)
        finally:
            ended = dataclasses.replace(
                audit,
                outcome=reply.outcome.value,
                reason=reply.reason,
                duration_ms=round((self._clock.monotonic() - started) * 1000, 2),
            )
            await self._sink.finish(ended)
        return reply, repeatable

    async def _run(self, order: _Order, number: int) -> tuple[ToolReply, bool]:
        tool = order.tool
        if order.wish.abandoned:
            return ToolReply(ToolOutcome.FAILED, "", ABANDONED, number), False
        timeout_s = min(tool.timeout, order.deadline - self._clock.monotonic())
        attempt = Attempt(order.arguments, timeout_s, order.request.idempotency_key, tool.max_result_bytes)
        try:
            async with asyncio.timeout(timeout_s) as order.wish.limit:
                text = await self._backend.run(tool, attempt)
            result = read_result(text, tool.result)
        except ToolAttemptError as error:
            return ToolReply(error.outcome, "", str(error), number), error.repeatable
        except TimeoutError:
            if order.wish.abandoned:
                return ToolReply(ToolOutcome.FAILED, "", ABANDONED, number), False
            return ToolReply(ToolOutcome.TIMED_OUT, "", "no answer in time", number), True
        finally:
            order.wish.limit = None
        return ToolReply(ToolOutcome.OK, json.dumps(result, ensure_ascii=False), "", number), False

    async def _refuse(
        self, request: ToolRequest, bundle: Bundle | None, outcome: ToolOutcome, reason: str
    ) -> ToolReply:
        """Record that a tool was not run; what was not checked shows nothing but its length."""
        self._memory.attempts.add(request.call_id)
        unseen = {"(unchecked)": f"[{len(request.arguments_json)} characters]"}
        audit = self._audit(request, bundle, unseen)
        await self._sink.finish(
            dataclasses.replace(audit, decision="refused", outcome=outcome.value, reason=reason[:200])
        )
        return ToolReply(outcome, "", reason, 0)

    def _audit(self, request: ToolRequest, bundle: Bundle | None, shown: Mapping[str, str]) -> Audit:
        return Audit(
            id=uuid.uuid4().hex,
            request=request,
            decision="allowed",
            outcome=ToolOutcome.FAILED.value,
            reason="",
            attempt=0,
            duration_ms=0.0,
            at_ns=self._clock.wall_ns(),
            arguments=shown,
            policy_digest=bundle.policy_digest if bundle else "",
        )


def _fault(request: ToolRequest) -> str | None:
    """Name what keeps a request from being recorded and sent as it is."""
    if not is_session_uuid(request.call_id):
        return "call_id is not 32 lowercase hex digits"
    if not _KEY.fullmatch(request.idempotency_key):
        return "idempotency_key is not 1 to 200 visible ASCII characters"
    if not _NUMBER.fullmatch(request.caller_number):
        return "caller_number_pii is not a number"
    words = (request.agent, request.revision, request.intent, request.tool, request.authentication)
    return None if all(_WORD.fullmatch(word) for word in words) else "a name is empty or holds odd characters"


def _presentable(request: ToolRequest) -> ToolRequest:
    """Return a faulty request so that a record can hold it: whatever is not plain is left out."""

    def plain(word: str) -> str:
        return word if _WORD.fullmatch(word) else "(not plain)"

    return ToolRequest(
        request.call_id if is_session_uuid(request.call_id) else NO_CALL,
        plain(request.agent),
        plain(request.revision),
        request.turn_index,
        plain(request.intent),
        plain(request.tool),
        request.arguments_json,
        plain(request.idempotency_key),
        plain(request.authentication),
    )
