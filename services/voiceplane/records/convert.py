"""Between the wire and rows: voiceplane.rpc.v1 both ways, OTLP in. Refuses what no database could keep."""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from voiceplane.contract.ids import is_session_uuid
from voiceplane.records.errors import InvalidRecordError
from voiceplane.records.rows import PLACE, REGION, AuditRow, CallRow, EventRow, QualityRow, SpanRow, TurnRow
from voiceplane.rpc.v1 import records_pb2 as pb
from voiceplane.runtime.telemetry import is_personal

_QUALITY = ("codec", "packets_sent", "packets_received", "packets_lost", "jitter_ms", "mos", "lateness_p99_ms")
_CALL = (
    "call_id agent revision policy_digest sip_call_id remote_session_id caller_pii started_unix_ns answered_unix_ns "
    "ended_unix_ns outcome end_reason summary_pii caller_trust caller_authentication"
).split()
_TURN = "index speaker text_pii started_unix_ns ended_unix_ns intent timings_ms".split()
_AUDIT = (
    "id call_id agent revision turn_index intent tool decision outcome reason attempt duration_ms at_unix_ns "
    "arguments_redacted_json policy_digest idempotency_key caller_authentication"
).split()
_INT64_MAX = 2**63 - 1
MAX_ATTRIBUTES = 64  # of one span
MAX_VALUE = 1024  # characters of one attribute value: a trace is not a place for documents
MAX_NAME = 200
MAX_EVENTS = 64  # of one span, the first: a decoupled reply makes three for each piece of it


def _whole(value: int) -> int:
    return min(value, _INT64_MAX)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def call_row(call: pb.CallRecord, region: str | None = None) -> CallRow:
    """Read a call record, as one of `region` if given, whatever it says; InvalidRecordError when it has no call id."""
    if not is_session_uuid(call.call_id):
        raise InvalidRecordError("call_id is not 32 lowercase hex digits")
    turns = tuple(
        TurnRow(
            index=turn.index,
            speaker=turn.speaker,
            text_pii=turn.text_pii,
            started_unix_ns=turn.started_unix_ns,
            ended_unix_ns=turn.ended_unix_ns,
            intent=turn.intent,
            timings_ms={key.replace("\0", ""): _finite(value) for key, value in turn.timings_ms.items()},
        )
        for turn in call.turns
    )
    quality = call.quality
    return CallRow(
        **{name: getattr(call, name) for name in _CALL},
        region=call.region if region is None else region,
        turns=turns,
        quality=QualityRow(
            codec=quality.codec.replace("\0", ""),
            packets_sent=_whole(quality.packets_sent),
            packets_received=_whole(quality.packets_received),
            packets_lost=_whole(quality.packets_lost),
            jitter_ms=_finite(quality.jitter_ms),
            mos=_finite(quality.mos),
            lateness_p99_ms=_finite(quality.lateness_p99_ms),
        ),
    )


def call_message(row: CallRow) -> pb.CallRecord:
    """Write a call record."""
    return pb.CallRecord(
        **{name: getattr(row, name) for name in (*_CALL, "region")},
        turns=[pb.TurnRecord(**{name: getattr(turn, name) for name in _TURN}) for turn in row.turns],
        quality=pb.MediaQuality(**{name: getattr(row.quality, name) for name in _QUALITY}),
    )


def audit_row(audit: pb.AuditRecord, region: str | None = None) -> AuditRow:
    """Read an audit record; InvalidRecordError when it names no id or no call. `region` as of a call."""
    if not 0 < len(audit.id) <= 128:
        raise InvalidRecordError("an audit record needs an id of 1 to 128 characters")
    if not is_session_uuid(audit.call_id):
        raise InvalidRecordError("call_id is not 32 lowercase hex digits")
    values: dict[str, Any] = {name: getattr(audit, name) for name in _AUDIT}
    values |= {"region": audit.region if region is None else region}
    return AuditRow(**values | {"duration_ms": _finite(audit.duration_ms)})


def audit_message(row: AuditRow) -> pb.AuditRecord:
    """Write an audit record."""
    return pb.AuditRecord(**{name: getattr(row, name) for name in (*_AUDIT, "region")})


def span_message(row: SpanRow) -> pb.Span:
    """Write a span of a trace view."""
    return pb.Span(
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_span_id=row.parent_span_id,
        name=row.name,
        service=row.service,
        start_unix_ns=row.start_unix_ns,
        end_unix_ns=row.end_unix_ns,
        attributes=dict(row.attributes),
        error=row.error,
        events=[
            pb.SpanEvent(name=one.name, at_unix_ns=one.at_unix_ns, attributes=dict(one.attributes))
            for one in row.events
        ],
    )


def span_row(span: pb.Span) -> SpanRow:
    """Read a span of a trace view."""
    return SpanRow(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        name=span.name,
        service=span.service,
        start_unix_ns=span.start_unix_ns,
        end_unix_ns=span.end_unix_ns,
        attributes=dict(span.attributes),
        error=span.error,
        events=tuple(EventRow(one.name, one.at_unix_ns, dict(one.attributes)) for one in span.events),
    )


def parse_otlp(body: bytes, *, json: bool) -> ExportTraceServiceRequest:
    """Read the body of an OTLP/HTTP export; InvalidRecordError when it is none."""
    request = ExportTraceServiceRequest()
    try:
        if json:
            json_format.Parse(body, request, ignore_unknown_fields=True, max_recursion_depth=20)
        else:
            request.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        raise InvalidRecordError("not an OTLP trace export") from error
    return request


def span_rows(
    request: ExportTraceServiceRequest, *, keep_personal: bool = False, region: str = ""
) -> Iterator[SpanRow]:
    """Read the spans of an OTLP export; those without legal ids are passed over.

    `region` is what a certificate proves, whatever the spans say.
    """
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes, keep_personal=True)
        service = resource.get("service.name", "unknown")
        place = {key: resource[key] for key in PLACE if key in resource} | ({REGION: region} if region else {})
        for scope in resource_spans.scope_spans:
            for span in scope.spans:
                row = _span_row(span, service, keep_personal=keep_personal)
                if row is not None:  # where a process runs is told once, by the root of what it began
                    yield row if row.parent_span_id else replace(row, attributes={**row.attributes, **place})


def _span_row(span: trace_pb2.Span, service: str, *, keep_personal: bool) -> SpanRow | None:
    trace_id, span_id = _hex(span.trace_id, 32), _hex(span.span_id, 16)
    if trace_id is None or span_id is None:
        return None
    attributes = _attributes(span.attributes, keep_personal=keep_personal)
    events = tuple(_event_rows(span.events, keep_personal=keep_personal))
    failure = next((event for event in events if event.name == "exception"), None)
    if failure is not None:
        attributes.setdefault("error.type", failure.attributes.get("exception.type", "unknown"))
    return SpanRow(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=_hex(span.parent_span_id, 16) or "",
        name=_short(span.name, MAX_NAME),
        service=_short(service, MAX_NAME),
        start_unix_ns=_whole(span.start_time_unix_nano),
        end_unix_ns=_whole(max(span.end_time_unix_nano, span.start_time_unix_nano)),
        attributes=attributes,
        error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        events=events,
    )


def _event_rows(events: Sequence[trace_pb2.Span.Event], *, keep_personal: bool) -> Iterator[EventRow]:
    for event in events[:MAX_EVENTS]:
        attributes = _attributes(event.attributes, keep_personal=keep_personal)
        if event.name == "exception":  # only its type: its words may quote the caller
            attributes = {key: value for key, value in attributes.items() if key == "exception.type"}
        yield EventRow(_short(event.name, MAX_NAME), _whole(event.time_unix_nano), attributes)


def _hex(raw: bytes, digits: int) -> str | None:
    """Write an id as hex. OTLP/JSON carries ids as hex, which the JSON reader took for base64: that is undone."""
    text = raw.hex()
    if len(text) != digits:
        text = base64.b64encode(raw).decode().lower()
    legal = len(text) == digits and set(text) <= set("0123456789abcdef") and text.strip("0")
    return text if legal else None


def _attributes(pairs: Iterable[KeyValue], *, keep_personal: bool = False) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        if len(found) >= MAX_ATTRIBUTES:
            break
        if keep_personal or not is_personal(pair.key):
            found[_short(pair.key, MAX_NAME)] = _short(_text(pair.value), MAX_VALUE)
    return found


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "double_value":
        return f"{value.double_value:.6g}"
    if kind == "array_value":
        return ", ".join(_text(item) for item in value.array_value.values[:MAX_ATTRIBUTES])
    if kind == "kvlist_value":
        inner: Mapping[str, str] = _attributes(value.kvlist_value.values)
        return ", ".join(f"{key}={part}" for key, part in inner.items())
    return str(getattr(value, kind))


def _short(text: str, limit: int) -> str:
    text = text.replace("\0", "")
    return text if len(text) <= limit else text[: limit - 1] + "…"
