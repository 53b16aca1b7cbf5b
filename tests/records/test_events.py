"""What happens inside a span: kept from real OTLP, shown in the tree where it happened, without anybody's words."""

import io
import re

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from tests.records import samples

from voiceplane.records import convert
from voiceplane.records.convert import MAX_EVENTS, span_rows
from voiceplane.records.rows import EventRow, SpanRow
from voiceplane.records.store import Store
from voiceplane.records.tree import print_trace

A, B, C = "a" * 16, "b" * 16, "c" * 16
MS = 1_000_000


def drawn(spans: list[SpanRow], *, every: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=140, highlight=False)
    print_trace(spans, console, every=every)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()[1:]


def names(lines: list[str]) -> list[str]:
    return [re.split(r"(?<=\S) {2,}", line)[0] for line in lines]


def event(name: str, after_ms: float, **attributes: str) -> EventRow:
    return EventRow(name, samples.START + int(after_ms * MS), attributes)


def test_events_of_an_export_are_kept_in_order_with_their_times_but_not_personal_data() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, name="asr")
    for name, at in (("QUEUE_START", 7), ("sip.ack", 9), ("QUEUE_START", 11)):
        span.events.add(name=name, time_unix_nano=at)
    span.events[1].attributes.add(key="caller.pii.number").value.string_value = "+15550100"
    span.events[1].attributes.add(key="attempt").value.int_value = 2
    (row,) = span_rows(request)
    assert row.attributes == {}
    assert row.events == (
        EventRow("QUEUE_START", 7),
        EventRow("sip.ack", 9, {"attempt": "2"}),
        EventRow("QUEUE_START", 11),
    )


def test_of_an_exception_only_its_type_is_kept() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    failed = span.events.add(name="exception", time_unix_nano=5)
    for key, value in (("type", "ValueError"), ("message", "my words"), ("stacktrace", "my words")):
        failed.attributes.add(key=f"exception.{key}").value.string_value = value
    (row,) = span_rows(request, keep_personal=True)
    assert row.attributes == {"error.type": "ValueError"}
    assert row.events == (EventRow("exception", 5, {"exception.type": "ValueError"}),)


def test_a_span_with_events_without_end_keeps_the_first() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    for number in range(MAX_EVENTS + 10):
        span.events.add(name="piece", time_unix_nano=number)
    (row,) = span_rows(request)
    assert [one.at_unix_ns for one in row.events] == list(range(MAX_EVENTS))


async def test_events_come_back_from_a_database_and_over_the_wire(store: Store) -> None:
    span = samples.span(A, name="sip.invite", events=(event("sip.ringing", 2), event("sip.ack", 9, attempt="2")))
    await store.add_spans([span, samples.span(B)])
    kept = await store.spans(samples.CALL_ID, limit=9)
    assert sorted(kept, key=lambda row: row.span_id) == [span, samples.span(B)]
    assert [convert.span_row(convert.span_message(row)) for row in kept] == list(kept)


def test_an_event_is_a_line_with_its_time_between_the_children_of_its_span() -> None:
    spans = [
        samples.span(A, name="sip.dialog", took_ms=100),
        samples.span(B, A, name="sip.invite", took_ms=50, events=(event("sip.ringing", 2), event("sip.ack", 41.5))),
        samples.span(C, B, name="policy", start=samples.START + 20 * MS),
    ]
    lines = drawn(spans)
    assert names(lines) == [
        "sip.dialog",
        "└ sip.invite",
        "  ├ · sip.ringing",
        "  ├ policy",
        "  └ · sip.ack",
    ]
    assert "+0.002s" in lines[2] and "ms" not in lines[2]
    assert "+0.042s" in lines[4] or "+0.041s" in lines[4]


def test_an_event_before_the_call_has_a_time_below_zero_and_no_line_breaks_the_terminal() -> None:
    spans = [samples.span(A, took_ms=10, events=(event("early\x1b[31m", -4, key="a\nb"), event("late", 4000)))]
    _, early, late = drawn(spans)
    assert "-0.004s" in early and "key=a?b" in early and early.isprintable()
    assert "+4.000s" in late


COMPUTED = (event("COMPUTE_START", 9), event("COMPUTE_END", 10))


def test_the_queue_of_a_model_is_from_tritons_mark_to_the_computation_below() -> None:
    spans = [
        samples.span(A, name="asr", events=(event("REQUEST_START", 1), event("QUEUE_START", 2))),
        samples.span(B, A, name="compute", start=samples.START + 8 * MS, events=COMPUTED),
    ]
    model, compute = drawn(spans)
    assert "queue=7.0ms" in model and "queue" not in compute
    shown = [name.strip(" ├└│") for name in names(drawn(spans, every=True))]
    assert shown == ["asr", "· REQUEST_START", "· QUEUE_START", "compute", "· COMPUTE_START", "· COMPUTE_END"]


def test_like_spans_are_folded_unless_one_has_an_event_or_all_is_asked_for() -> None:
    leaves = [samples.span(f"{number + 1:016x}", A, name="asr", start=samples.START + number) for number in range(5)]
    assert len(drawn([samples.span(A), *leaves])) == 2
    assert len(drawn([samples.span(A), *leaves], every=True)) == 6
    told = [samples.span(f"{number + 1:016x}", A, name="asr", events=(event("retried", 1),)) for number in range(5)]
    assert sum("· retried" in line for line in drawn([samples.span(A), *told])) == 5
