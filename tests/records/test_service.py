"""The records process over real gRPC and HTTP, fed by real exporters."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.records import samples
from tests.waiting import until

from voiceplane.contract.ids import new_call_id
from voiceplane.records import client, convert, http, service
from voiceplane.records.errors import AmbiguousCallError, NoSuchCallError, RecordsAwayError
from voiceplane.records.ingest import IngestLimits, SpanIngest
from voiceplane.records.rows import EventRow
from voiceplane.records.store import Store, open_store
from voiceplane.rpc.v1 import records_pb2 as pb
from voiceplane.rpc.v1 import records_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry
from voiceplane.runtime.clock import SystemClock
from voiceplane.runtime.outbox import OutboxLimits
from voiceplane.testing.clock import ManualClock

QUICK = OutboxLimits(send_s=2.0, first_retry_s=0.02, last_retry_s=0.1, drain_s=1.0)


@dataclass(frozen=True)
class Running:
    target: str
    traces_url: str
    store: Store
    ingest: SpanIngest


@pytest.fixture
async def records(store: Store) -> AsyncIterator[Running]:
    ingest = SpanIngest(store, SystemClock())
    async with (
        ingest.running(),
        grpc_server.serve(lambda server: service.register(server, store, ingest), host="127.0.0.1", port=0) as server,
        http.serve(ingest, host="127.0.0.1", port=0) as port,
    ):
        yield Running(f"127.0.0.1:{server.port}", f"http://127.0.0.1:{port}/v1/traces", store, ingest)


async def _delivered(sender: client.RecordsClient) -> None:
    await until(lambda: not sender.waiting, within_s=15)


async def test_a_call_and_its_audits_travel_whole(records: Running, tmp_path: Path) -> None:
    async with client.open_client(records.target, tmp_path, limits=QUICK) as sender:
        sender.append(samples.call())
        sender.append(samples.audit("a-2", at=samples.START + 1))
        sender.append(samples.audit("a-1"))
        sender.append(samples.call(outcome="failed"))
        await _delivered(sender)
    call, audits = await client.read_call(records.target, "4f1c")
    assert call == samples.call()
    assert [audit.id for audit in audits] == ["a-1", "a-2"]
    assert audits[0] == samples.audit("a-1")
    assert await client.read_calls(records.target) == (samples.call(),)


async def test_reading_what_is_not_there_says_which_way_it_is_missing(records: Running) -> None:
    with pytest.raises(NoSuchCallError):
        await client.read_call(records.target, "latest")
    await records.store.add_spans([samples.span("a" * 16), samples.span("a" * 16, trace_id="4f" + "0" * 30)])
    with pytest.raises(NoSuchCallError, match="no record yet"):
        await client.read_call(records.target, samples.CALL_ID)
    with pytest.raises(AmbiguousCallError):
        await client.read_trace(records.target, "4f")
    with pytest.raises(RecordsAwayError):
        await client.read_trace("127.0.0.1:1", "latest")


@pytest.mark.parametrize(
    "request_",
    [
        pb.AppendRequest(),
        pb.AppendRequest(call=pb.CallRecord(call_id="x")),
        pb.AppendRequest(audit=pb.AuditRecord(call_id=samples.CALL_ID)),
        pb.AppendRequest(audit=pb.AuditRecord(id="a", call_id="latest")),
    ],
)
async def test_a_record_without_legal_ids_is_refused(records: Running, request_: pb.AppendRequest) -> None:
    async with grpc_server.channel(records.target) as channel:
        stub: Any = records_pb2_grpc.RecordsStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Append(request_, timeout=5)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_gateways_own_tracing_fills_the_trace_of_the_call(
    records: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "set_tracer_provider", lambda provider: None)
    pipeline = telemetry.configure("gateway", otlp_endpoint=f"http://{records.target}")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)
    call_id = new_call_id()
    with telemetry.start_call_span(call_id, {"sip.response.status_code": 200}) as root_span:
        root_span.add_event("sip.ringing", {"caller.pii": "my words"}, timestamp=samples.START)
        with (
            pytest.raises(ValueError),
            telemetry.tracer("t").start_as_current_span("turn", attributes={"voice.pii.text": "my words"}),
        ):
            raise ValueError("my words")
        async with grpc_server.channel(records.target) as channel:
            stub: Any = records_pb2_grpc.RecordsStub(channel)
            with telemetry.tracer("t").start_as_current_span("append"):
                request = pb.AppendRequest(call=convert.call_message(samples.call(call_id)))
                await stub.Append(request, timeout=5, metadata=telemetry.inject())
    await asyncio.to_thread(pipeline.shutdown)
    spans = await client.read_trace(records.target, "latest")
    assert {span.trace_id for span in spans} == {call_id}
    names = {span.name: span for span in spans}
    assert sorted(names) == ["append", "sip.dialog", "turn", "voiceplane.rpc.v1.Records/Append"]
    root = names["sip.dialog"]
    assert root.parent_span_id == "" and root.service == "gateway"
    assert root.attributes["sip.response.status_code"] == "200"
    assert root.events == (EventRow("sip.ringing", samples.START),)
    assert names["turn"].parent_span_id == root.span_id
    assert names["turn"].error and names["turn"].attributes == {"error.type": "ValueError"}
    assert names["voiceplane.rpc.v1.Records/Append"].parent_span_id == names["append"].span_id
    assert "my words" not in repr(spans)


def _exported(**attributes: str) -> Any:
    """Make what an OTLP exporter of another process puts on the wire."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "triton"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with provider.get_tracer("t").start_as_current_span("infer", attributes=attributes):
        pass
    (span,) = kept.get_finished_spans()
    return f"{span.context.trace_id:032x}", encode_spans([span])


@pytest.mark.parametrize("compressed", [False, True])
async def test_otlp_over_http_as_protobuf_is_kept(records: Running, compressed: bool) -> None:
    trace_id, message = _exported(**{"triton.queue_ms": "0.3", "pii.words": "secret"})
    body, headers = message.SerializeToString(), {"Content-Type": "application/x-protobuf"}
    if compressed:
        body, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(records.traces_url, data=body, headers=headers) as reply,
    ):
        assert reply.status == 200 and reply.content_type == "application/x-protobuf"
    (span,) = await client.read_trace(records.target, trace_id)
    assert (span.name, span.service, span.attributes) == ("infer", "triton", {"triton.queue_ms": "0.3"})


async def test_otlp_over_http_as_json_has_ids_in_hex(records: Running) -> None:
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "triton"}}]},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": samples.CALL_ID,
                                "spanId": "00f067aa0ba902b7",
                                "parentSpanId": "b7ad6b7169203331",
                                "name": "compute",
                                "startTimeUnixNano": str(samples.START),
                                "endTimeUnixNano": samples.START + 5,
                                "attributes": [{"key": "n", "value": {"intValue": "7"}}],
                                "events": [{"timeUnixNano": str(samples.START + 3), "name": "QUEUE_START"}],
                                "status": {"code": 2},
                                "unknownField": 1,
                            }
                        ]
                    }
                ],
            }
        ]
    }
    async with aiohttp.ClientSession() as session, session.post(records.traces_url, json=body) as reply:
        assert reply.status == 200 and await reply.json() == {}
    (span,) = await client.read_trace(records.target, samples.CALL_ID)
    assert (span.span_id, span.parent_span_id) == ("00f067aa0ba902b7", "b7ad6b7169203331")
    assert span.error and span.attributes == {"n": "7"} and span.end_unix_ns == samples.START + 5
    assert span.events == (EventRow("QUEUE_START", samples.START + 3),)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"\xff\xff\xff", "application/x-protobuf", 400),
        (b"{", "application/json", 400),
        (json.dumps({"resourceSpans": 3}).encode(), "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"", "text/plain", 415),
        (b"x" * (http.MAX_BODY_BYTES + 1), "application/x-protobuf", 413),
    ],
)
async def test_what_is_no_export_is_refused_and_the_next_one_is_taken(
    records: Running, body: bytes, content_type: str, status: int
) -> None:
    async with aiohttp.ClientSession() as session:
        sent = io.BytesIO(body)
        async with session.post(records.traces_url, data=sent, headers={"Content-Type": content_type}) as reply:
            assert reply.status == status
        headers = {"Content-Type": "application/x-protobuf"}
        async with session.post(records.traces_url, data=_exported()[1].SerializeToString(), headers=headers) as reply:
            assert reply.status == 200


async def test_a_small_body_that_unpacks_to_a_large_one_is_refused(records: Running) -> None:
    body = gzip.compress(bytes(16 * http.MAX_BODY_BYTES))
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(records.traces_url, data=body, headers=headers) as reply,
    ):
        assert reply.status == 413


async def test_spans_without_room_are_refused_and_counted_in_the_reply(store: Store) -> None:
    ingest = SpanIngest(store, SystemClock(), IngestLimits(waiting=3))
    message = _exported()[1]
    spans = message.resource_spans[0].scope_spans[0].spans
    for number in range(1, 5):
        spans.add().CopyFrom(spans[0])
        spans[-1].span_id = number.to_bytes(8, "big")
    reply = service.taken(ingest, message, keep_personal=False)
    assert reply.partial_success.rejected_spans == 2
    await ingest.flush()
    assert service.taken(ingest, message, keep_personal=False).partial_success.rejected_spans == 2


async def test_spans_older_than_the_limit_are_pruned(store: Store) -> None:
    clock = ManualClock(samples.START / 1e9 + 86_400)
    ingest = SpanIngest(store, clock, IngestLimits(keep_days=1.1))
    ingest.add([samples.span("a" * 16)])
    await ingest.flush()
    assert await ingest.prune() == 0
    clock.advance(0.2 * 86_400)
    assert await ingest.prune() == 1


async def test_records_sent_while_the_process_is_away_arrive_when_it_is_back(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/r.db"
    async with open_store(database) as store:
        ingest = SpanIngest(store, SystemClock())

        def register(server: grpc.aio.Server) -> None:
            service.register(server, store, ingest)

        async with grpc_server.serve(register, host="127.0.0.1", port=0, grace_s=0.1) as server:
            port = server.port
        spool = tmp_path / "spool"
        async with client.open_client(f"127.0.0.1:{port}", spool, limits=QUICK) as sender:
            for number in range(5):
                sender.append(samples.audit(f"a-{number}", at=samples.START + number))
            sender.append(samples.call())
            await until(lambda: len(list(spool.glob("*.msg"))) >= 6, within_s=15)
            async with grpc_server.serve(register, host="127.0.0.1", port=port):
                await _delivered(sender)
        assert await store.calls() == (samples.call(),)
        assert [audit.id for audit in await store.audits(samples.CALL_ID)] == [f"a-{number}" for number in range(5)]
    assert not any(spool.iterdir())  # noqa: ASYNC240
