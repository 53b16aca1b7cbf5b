"""What the tool gateway's core needs from its shells: a backend for one attempt, and a sink for its audit record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.tool import Tool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: the arguments, its time in seconds, its key, and how much may come back."""

    arguments: Mapping[str, Any]
    timeout_s: float
    idempotency_key: str
    max_result_bytes: int


class Backend(Protocol):
    """Carries out one attempt."""

    async def run(self, tool: Tool, attempt: Attempt) -> str:
        """Return the result's text; ToolAttemptError otherwise."""
        ...


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
    once: bool = False  # the tool is not idempotent: its key may never run again, not even after a crash


class AuditSink(Protocol):
    """Where audit records go. What `begin` took has a record in the end, even when this process is killed."""

    async def begin(self, audit: Audit) -> None:
        """Keep on disk that an attempt starts now; AuditAwayError when it cannot be: the tool must not run."""
        ...

    async def finish(self, audit: Audit) -> None:
        """Keep how the attempt of this id went, or that it was refused; never raises."""
        ...

    def spent(self, call_id: str, idempotency_key: str) -> bool:
        """Say whether an earlier process may have run this key for a tool that must run once."""
        ...
