"""Rows as a parcel call leaves them."""

from voiceplane.records.rows import AuditRow, CallRow, EventRow, QualityRow, SpanRow, TurnRow

CALL_ID = "4f1c7b2e9a3d4f60b1e2c3d4a5f60718"
START = 1_700_000_000_000_000_000


def call(call_id: str = CALL_ID, *, started: int = START, outcome: str = "completed") -> CallRow:
    return CallRow(
        call_id=call_id,
        agent="support/parcel-desk",
        revision="abc123def456",
        policy_digest="d" * 64,
        sip_call_id="x@192.0.2.1",
        remote_session_id="0" * 32,
        caller_pii="+15550100",
        started_unix_ns=started,
        answered_unix_ns=started + 10**7,
        ended_unix_ns=started + 24 * 10**9,
        outcome=outcome,
        end_reason="caller-hung-up",
        turns=(
            TurnRow(0, "agent", "Northwind parcels.", started, started + 10**9),
            TurnRow(1, "caller", "where is my “parcel”", started + 2 * 10**9, started + 3 * 10**9, "track-parcel"),
            TurnRow(1, "agent", "Six digits?", started + 4 * 10**9, started + 5 * 10**9, "", {"asr": 33.5}),
        ),
        quality=QualityRow("PCMU", 1200, 1190, 10, 1.5, 4.3, 2.25),
        summary_pii="asked for a parcel",
        caller_trust="asserted",
        caller_authentication="identified",
    )


def audit(audit_id: str = "a-1", call_id: str = CALL_ID, *, at: int = START) -> AuditRow:
    return AuditRow(
        id=audit_id,
        call_id=call_id,
        agent="support/parcel-desk",
        revision="abc123def456",
        turn_index=1,
        intent="track-parcel",
        tool="parcel-status",
        decision="allowed",
        outcome="ok",
        reason="",
        attempt=1,
        duration_ms=12.5,
        at_unix_ns=at,
        arguments_redacted_json='{"parcel_number": "[6 characters]"}',
        policy_digest="d" * 64,
        idempotency_key="k",
        caller_authentication="identified",
    )


def span(
    span_id: str,
    parent: str = "",
    *,
    name: str = "turn",
    trace_id: str = CALL_ID,
    start: int = START,
    took_ms: float = 10.0,
    service: str = "gateway",
    error: bool = False,
    attributes: dict[str, str] | None = None,
    events: tuple[EventRow, ...] = (),
) -> SpanRow:
    end = start + int(took_ms * 1e6)
    return SpanRow(trace_id, span_id, parent, name, service, start, end, attributes or {}, error, events)
