"""Where a call was answered, and by which revision of which agent: kept with its root, told by trace and record."""

import argparse
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from tests.records import samples
from tests.records.authority import HUB, authority, region

from voiceplane.cli import records_commands
from voiceplane.records import of_regions, tree
from voiceplane.records.convert import span_rows
from voiceplane.records.errors import RecordsAwayError
from voiceplane.records.ingest import SpanIngest
from voiceplane.records.rows import AuditRow, CallRow, SpanRow
from voiceplane.records.store import open_store
from voiceplane.runtime import grpc_server, tls
from voiceplane.runtime.clock import SystemClock

ROOT = {"gen_ai.agent.name": "support/desk", "gen_ai.agent.version": "abc123def456"}


def exported(**resource: str) -> ExportTraceServiceRequest:
    """Return a call's root and a span below it, as a gateway exports them."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    for key, value in {
        "service.name": "gateway",
        **{key.replace("_", "."): text for key, text in resource.items()},
    }.items():
        spans.resource.attributes.add(key=key).value.string_value = value
    scope = spans.scope_spans.add()
    trace_id = bytes.fromhex(samples.CALL_ID)
    root = scope.spans.add(trace_id=trace_id, span_id=b"\1" * 8, name="sip.dialog")
    for key, value in ROOT.items():
        root.attributes.add(key=key).value.string_value = value
    scope.spans.add(trace_id=trace_id, span_id=b"\2" * 8, parent_span_id=b"\1" * 8, name="turn")
    return request


def test_the_root_of_a_call_keeps_where_its_gateway_runs_and_no_other_span_repeats_it() -> None:
    place = {"voice.region": "frankfurt", "k8s.cluster.name": "prod-1"}
    root, below = span_rows(exported(voice_region="frankfurt", k8s_cluster_name="prod-1", host_name="node-7"))
    assert root.attributes == ROOT | place and below.attributes == {}
    root, _ = span_rows(exported(voice_region="elsewhere"), region="frankfurt")
    assert root.attributes == ROOT | {"voice.region": "frankfurt"}, "a certificate proves more than a word"


async def test_spans_of_a_region_of_another_cluster_are_from_the_region_that_proved_itself(tmp_path: Path) -> None:
    ours = authority(tmp_path / "ours")
    folder, proof = ours.signs(tmp_path / "hub", HUB), ours.signs(tmp_path / "frankfurt", region("frankfurt"))
    async with open_store(f"sqlite:///{tmp_path}/r.db") as store:
        ingest = SpanIngest(store, SystemClock())
        async with (
            grpc_server.serve_proved(
                lambda server: of_regions.register(server, store, ingest),
                host="127.0.0.1", port=0, credentials=tls.server_credentials(folder),
            ) as server,
            tls.channels(f"127.0.0.1:{server.port}", proof) as channel,
        ):  # fmt: skip
            traces: Any = trace_service_pb2_grpc.TraceServiceStub(await channel())  # type: ignore[no-untyped-call]
            await traces.Export(exported(voice_region="elsewhere"), timeout=5)
        await ingest.flush()
        spans = await store.spans(samples.CALL_ID, limit=10)
    assert tree.answered(spans) == "answered by support/desk revision abc123def456 in region frankfurt"


def drawn(*spans: SpanRow) -> list[str]:
    out = io.StringIO()
    tree.print_trace(spans, Console(file=out, width=140, highlight=False))
    return out.getvalue().splitlines()


def test_a_trace_says_in_a_line_of_its_own_who_answered_where_as_far_as_it_is_known() -> None:
    place = {"voice.region": "frankfurt", "k8s.cluster.name": "prod-1"}
    told = "answered by support/desk revision abc123def456"
    root = samples.span("a" * 16, attributes=ROOT)
    assert drawn(replace(root, attributes=ROOT | place))[1] == f"{told} in region frankfurt of cluster prod-1"
    assert drawn(root)[1] == told
    below = samples.span("b" * 16, "a" * 16, attributes=ROOT | place)
    assert not any("answered" in line for line in drawn(below)), "its root is not here yet"
    assert "\x1b" not in drawn(replace(root, attributes={**ROOT, "voice.region": "\x1b[31m"}))[1]


@pytest.mark.parametrize(
    ("kept", "traced", "told"),
    [
        ("frankfurt", None, " in region frankfurt"),  # in the record: nobody else is asked
        ("", {"voice.region": "here"}, " in region here"),
        ("", {}, ""),
        ("", None, ""),
    ],
)
async def test_a_record_says_in_its_first_line_which_region_answered(
    kept: str, traced: dict[str, str] | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def record(records: str, call: str) -> tuple[CallRow, tuple[AuditRow, ...]]:
        return replace(samples.call(), region=kept), ()

    async def trace(records: str, call: str) -> tuple[SpanRow, ...]:
        if traced is None:
            raise RecordsAwayError("too slow")
        return (samples.span("a" * 16, attributes=ROOT | traced),)

    monkeypatch.setattr(records_commands, "read_call", record)
    monkeypatch.setattr(records_commands, "read_trace", trace)
    out = io.StringIO()
    options = argparse.Namespace(call="latest")
    assert await records_commands._record("127.0.0.1:9", options, Console(file=out, width=80)) == 0
    first = out.getvalue().splitlines()[0]
    assert first == f"call {samples.CALL_ID}  support/parcel-desk revision abc123def456{told}"
