"""What the records process keeps: one call with its turns, one row a tool attempt, one row a span.

Written by the gateway and the tool gateway, read by `voiceplane trace` and the console. Times are Unix nanoseconds.
A field whose name ends in `_pii` holds personal data and is never logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

REGION, CLUSTER = "voice.region", "k8s.cluster.name"  # attributes of a root span: where the process runs that began it
PLACE = (REGION, CLUSTER)


@dataclass(frozen=True, slots=True)
class TurnRow:
    """What one side said, as it was heard."""

    index: int
    speaker: str  # caller | agent
    text_pii: str
    started_unix_ns: int
    ended_unix_ns: int
    intent: str = ""
    timings_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QualityRow:
    """How the media of a call did."""

    codec: str = ""
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    mos: float = 0.0
    lateness_p99_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class CallRow:
    """One ended call."""

    call_id: str
    agent: str
    revision: str
    policy_digest: str
    sip_call_id: str
    remote_session_id: str
    caller_pii: str
    started_unix_ns: int
    answered_unix_ns: int
    ended_unix_ns: int
    outcome: str
    end_reason: str
    turns: tuple[TurnRow, ...] = ()
    quality: QualityRow = QualityRow()
    summary_pii: str = ""
    caller_trust: str = ""  # none | asserted | attested
    caller_authentication: str = ""  # none | identified | verified
    region: str = ""  # whose certificate brought it; empty: from the records' own cluster


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One attempt to run a tool, allowed or not."""

    id: str
    call_id: str
    agent: str
    revision: str
    turn_index: int
    intent: str
    tool: str
    decision: str
    outcome: str
    reason: str
    attempt: int
    duration_ms: float
    at_unix_ns: int
    arguments_redacted_json: str
    policy_digest: str
    idempotency_key: str
    caller_authentication: str = ""  # empty: of a version that did not tell it
    region: str = ""  # as of a call


@dataclass(frozen=True, slots=True)
class EventRow:
    """A moment inside a span: the ringing of an INVITE, a mark of Triton's."""

    name: str
    at_unix_ns: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A finished span."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    service: str
    start_unix_ns: int
    end_unix_ns: int
    attributes: Mapping[str, str]
    error: bool
    events: tuple[EventRow, ...] = ()
