"""A tool gateway's core over a backend that can be told how to behave and a sink that keeps the records in memory."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable

from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.contract.tool import Tool
from voiceplane.runtime.clock import SystemClock
from voiceplane.tools.errors import (
    AuditAwayError,
    ToolAttemptError,
)
from voiceplane.tools.invoke import Invoker
from voiceplane.tools.ports import Attempt, Audit, Backend

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


@contextlib.asynccontextmanager
async def invoking(bundle: Bundle, backend: Backend, ledger: Ledger) -> AsyncIterator[Invoker]:
    """Carry out wishes of this agent until the block ends; whatever began has a record then."""
    bundles = {(bundle.agent_name, bundle.revision): bundle}
    invoker = Invoker(lambda agent, revision: bundles.get((agent, revision)), backend, ledger, SystemClock())
    async with asyncio.timeout(30), invoker.running():
        yield invoker
    assert {audit.id for audit in ledger.begun} <= {audit.id for audit in ledger.ended}


@contextlib.asynccontextmanager
async def opened(bundle: Bundle) -> AsyncIterator[Desk]:
    """Do so with a backend that is told what to do."""
    ledger = Ledger()
    backend = Scripted(ledger)
    async with invoking(bundle, backend, ledger) as invoker:
        yield invoker, backend, ledger
