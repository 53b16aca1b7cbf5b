"""The region's Collector, the real one, with the configuration that the operator renders: nothing personal leaves."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from tests.cluster.plane import binaries
from tests.control.samples import region
from tests.records.authority import HUB, authority
from tests.records.authority import region as named
from tests.waiting import until

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane.records import of_regions
from voiceplane.records.ingest import SpanIngest
from voiceplane.records.store import open_store
from voiceplane.runtime import grpc_server, tls
from voiceplane.runtime.clock import SystemClock
from voiceplane_operator.manifests import collector, common

pytestmark = pytest.mark.timeout(300)


class Behind(otlp_grpc.TraceServiceServicer):
    """What stands where the region sends its spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def Export(self, request: otlp.ExportTraceServiceRequest, context: Any) -> otlp.ExportTraceServiceResponse:
        self.spans += [
            span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        return otlp.ExportTraceServiceResponse()


@pytest.fixture
def behind() -> Iterator[tuple[Behind, str]]:
    servicer = Behind()
    server = grpc.server(ThreadPoolExecutor(2))
    otlp_grpc.add_TraceServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None).wait(5)


@contextlib.asynccontextmanager
async def collecting(folder: Path, spec: VoiceRegionSpec) -> AsyncIterator[str]:
    """Run the Collector with the rendered configuration, on loopback; a proof lies in `folder`/proof."""
    with socket.socket() as grpc_port, socket.socket() as http_port:
        for each in (grpc_port, http_port):
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (grpc_port, http_port)]
    manifest = collector.manifest(spec, "hub", "here")
    config = yaml.safe_load(manifest["data"][collector.FILE].replace(common.RECORDS_TLS, str(folder / "proof")))
    protocols = config["receivers"]["otlp"]["protocols"]
    protocols["grpc"]["endpoint"], protocols["http"]["endpoint"] = (f"127.0.0.1:{port}" for port in ports)
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}  # its own port is taken where two run
    path = folder / "collector.yaml"
    path.write_text(yaml.safe_dump(config))
    program = await binaries("otelcol") / "otelcol"
    with (folder / "collector.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(program, f"--config={path}", stdout=log, stderr=log)
    try:
        yield f"127.0.0.1:{ports[0]}"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


def span(**attributes: str) -> Span:
    pairs = [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes.items()]
    return Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="turn", attributes=pairs)


async def test_the_collector_lets_no_personal_key_and_no_card_number_through(
    tmp_path: Path, behind: tuple[Behind, str]
) -> None:
    servicer, endpoint = behind
    told = {"pii.text": "my name is Jo", "voice.pii.name": "Jo", "voice.note": "card 4111 1111 1111 1111", "ok": "yes"}
    request = otlp.ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span(**told)])])]
    )
    spec = region(telemetry={"endpoint": endpoint}).spec
    async with collecting(tmp_path, spec) as target, grpc.aio.insecure_channel(target) as channel:
        stub = otlp_grpc.TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        await stub.Export(request, timeout=30, wait_for_ready=True)
        (arrived,) = await until(lambda: servicer.spans, within_s=20)  # it sends once a second
    kept = {one.key: one.value.string_value for one in arrived.attributes}
    assert kept["ok"] == "yes"
    assert "Jo" not in str(arrived) and "4111" not in str(arrived), kept


async def test_the_collector_of_another_cluster_proves_its_region_to_the_records(tmp_path: Path) -> None:
    ours = authority(tmp_path / "ours")
    ours.signs(tmp_path / "proof", named("far"))
    credentials = tls.server_credentials(ours.signs(tmp_path / "hub", HUB))
    async with open_store(f"sqlite:///{tmp_path}/r.db") as store:
        ingest = SpanIngest(store, SystemClock())

        def register(server: grpc.aio.Server) -> None:
            of_regions.register(server, store, ingest)

        async with grpc_server.serve_proved(register, host="127.0.0.1", port=0, credentials=credentials) as server:
            spec = region(records=f"127.0.0.1:{server.port}", recordsTls={}).spec
            request = otlp.ExportTraceServiceRequest(
                resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span(ok="yes")])])]
            )
            async with collecting(tmp_path, spec) as target, grpc.aio.insecure_channel(target) as channel:
                stub = otlp_grpc.TraceServiceStub(channel)  # type: ignore[no-untyped-call]
                await stub.Export(request, timeout=30, wait_for_ready=True)
                for _ in range(400):
                    await ingest.flush()
                    arrived = await store.spans((b"t" * 16).hex(), limit=1)
                    if arrived:
                        break
                    await asyncio.sleep(0.05)
    assert [one.attributes for one in arrived] == [{"ok": "yes", "voice.region": "far"}]
