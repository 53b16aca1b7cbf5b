"""Triton's marks in a request's life outlast the export: the first of each is kept, free text is not."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from voiceplane.records.convert import span_rows


def test_tritons_queue_and_compute_marks_are_kept_and_other_events_are_not() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, name="asr")
    for name, at in (("QUEUE_START", 7), ("COMPUTE_START", 9), ("QUEUE_START", 11), ("said: my words", 12)):
        span.events.add(name=name, time_unix_nano=at)
    (row,) = span_rows(request)
    assert row.attributes == {"triton.queue_start_ns": "7", "triton.compute_start_ns": "9"}
