"""Traces: keyed by the call, whole across processes, without personal data."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from voiceplane.contract.ids import new_call_id
from voiceplane.rpc.v1 import calls_pb2 as pb
from voiceplane.rpc.v1 import calls_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=telemetry.CallIdGenerator(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(telemetry.RedactingExporter(exporter)))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def test_call_span_is_a_real_root_whose_trace_id_is_the_call_id(exported: InMemorySpanExporter) -> None:
    call_id = new_call_id()
    with (
        telemetry.start_call_span(call_id, {"sip.direction": "in"}),
        telemetry.tracer("t").start_as_current_span("sip.invite"),
    ):
        pass
    child, root = exported.get_finished_spans()
    assert root.parent is None
    assert f"{root.context.trace_id:032x}" == call_id == f"{child.context.trace_id:032x}"
    assert child.parent is not None and child.parent.span_id == root.context.span_id


def test_call_span_is_a_root_even_inside_another_span(exported: InMemorySpanExporter) -> None:
    call_id = new_call_id()
    with telemetry.tracer("t").start_as_current_span("accept"), telemetry.start_call_span(call_id, {}):
        pass
    root, outer = exported.get_finished_spans()
    assert root.parent is None and f"{root.context.trace_id:032x}" == call_id
    assert outer.context.trace_id != root.context.trace_id


def test_trace_ids_after_a_call_are_random_again(exported: InMemorySpanExporter) -> None:
    call_id = new_call_id()
    with telemetry.start_call_span(call_id, {}):
        pass
    with telemetry.tracer("t").start_as_current_span("other"):
        pass
    assert f"{exported.get_finished_spans()[-1].context.trace_id:032x}" != call_id


@pytest.mark.parametrize("key", ["voice.pii.text", "pii", "caller_pii", "lk.PII.x", "a-pii-b"])
def test_a_pii_segment_marks_a_key_as_personal(key: str) -> None:
    assert telemetry.is_personal(key)


@pytest.mark.parametrize("key", ["copiid", "voice.pipii", "gen_ai.request.model", ""])
def test_letters_pii_inside_a_word_mark_nothing(key: str) -> None:
    assert not telemetry.is_personal(key)


def test_personal_data_leaves_the_process_in_no_part_of_a_span(exported: InMemorySpanExporter) -> None:
    secret = "four five two two"
    with (
        pytest.raises(ValueError),
        telemetry.tracer("t").start_as_current_span(
            "turn", attributes={"voice.pii.text": secret, "voice.turn.index": 3}
        ) as span,
    ):
        span.add_event("heard", {"pii.words": secret, "words": 4})
        raise ValueError(f"cannot read {secret}")
    (sent,) = exported.get_finished_spans()
    assert secret not in sent.to_json()
    assert dict(sent.attributes or {}) == {"voice.turn.index": 3}
    assert sent.status.status_code is trace.StatusCode.ERROR
    assert [dict(event.attributes or {}) for event in sent.events] == [
        {"words": 4},
        {"exception.type": "ValueError", "exception.escaped": "False"},
    ]


class _Calls(calls_pb2_grpc.CallsServicer):
    async def List(self, request: pb.ListCallsRequest, context: Any) -> pb.ListCallsResponse:
        with telemetry.tracer("t").start_as_current_span("inside unary"):
            return pb.ListCallsResponse()

    async def Watch(self, request: pb.WatchCallsRequest, context: Any) -> AsyncIterator[pb.CallEvent]:
        with telemetry.tracer("t").start_as_current_span("inside stream"):
            yield pb.CallEvent(kind="started")
        yield pb.CallEvent(kind="ended")


async def test_a_trace_across_real_grpc_is_whole_for_unary_and_stream(exported: InMemorySpanExporter) -> None:
    call_id = new_call_id()

    def register(server: grpc.aio.Server) -> None:
        # Only what the test asks is there; the generated base class answers the rest with UNIMPLEMENTED.
        servicer: Any = _Calls
        calls_pb2_grpc.add_CallsServicer_to_server(servicer(), server)

    async with grpc_server.serve(register, host="127.0.0.1", port=0) as server:
        target = f"127.0.0.1:{server.port}"
        async with grpc_server.channel(target) as channel:
            stub: Any = calls_pb2_grpc.CallsStub(channel)
            with telemetry.start_call_span(call_id, {}):
                await stub.List(pb.ListCallsRequest(), timeout=5, metadata=telemetry.inject())
                events = [
                    event async for event in stub.Watch(pb.WatchCallsRequest(), timeout=5, metadata=telemetry.inject())
                ]
        assert await grpc_server.healthy(target)
    assert [event.kind for event in events] == ["started", "ended"]
    spans = exported.get_finished_spans()
    known = {span.context.span_id for span in spans}
    assert {f"{span.context.trace_id:032x}" for span in spans} == {call_id}
    assert [span.name for span in spans if span.parent is None] == ["sip.dialog"]
    assert all(span.parent is None or span.parent.span_id in known for span in spans), "an orphan"
    assert sorted(span.name for span in spans) == [
        "inside stream",
        "inside unary",
        "sip.dialog",
        "voiceplane.rpc.v1.Calls/List",
        "voiceplane.rpc.v1.Calls/Watch",
    ]


async def test_two_servers_cannot_share_a_port() -> None:
    async with grpc_server.serve(lambda server: None, host="127.0.0.1", port=0) as server:
        with pytest.raises(OSError, match="port"):
            async with grpc_server.serve(lambda server: None, host="127.0.0.1", port=server.port):
                pass


async def test_nothing_there_is_not_healthy() -> None:
    assert not await grpc_server.healthy("127.0.0.1:1", timeout_s=0.5)


class _Hanging(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.release = threading.Event()

    def Export(self, request: Any, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        self.release.wait(30)
        return trace_service_pb2.ExportTraceServiceResponse()


def test_a_collector_that_hangs_does_not_hold_up_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "set_tracer_provider", lambda provider: None)
    monkeypatch.setattr(telemetry, "SHUTDOWN_S", 0.3)
    monkeypatch.setattr(telemetry, "EXPORT_TIMEOUT_S", 1)
    hanging = _Hanging()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(hanging, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    pipeline = telemetry.configure("test", otlp_endpoint=f"http://127.0.0.1:{port}")
    for _ in range(2000):  # several batches: each would wait for its own timeout
        pipeline.provider.get_tracer("t").start_span("s").end()
    begun = time.monotonic()
    pipeline.shutdown()
    took = time.monotonic() - begun
    hanging.release.set()
    for thread in threading.enumerate():  # let it end here, not in the middle of another test
        if thread.name in ("telemetry-shutdown", "OtelBatchSpanRecordProcessor"):
            thread.join(20)
    server.stop(0).wait(5)
    assert took < 3
