"""The INVITE transaction as the trace of a call shows it, through the whole join."""

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.call.joined import joined

from voiceplane.call import loop
from voiceplane.testing.phone import Phone


async def test_the_invite_span_goes_from_the_invite_to_its_ack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(loop, "SPANS", provider.get_tracer("test"))
    async with joined(tmp_path) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
        record = await gateway.record()
    (span,) = [span for span in exporter.get_finished_spans() if span.name == "sip.invite"]
    assert span.start_time == record.started_unix_ns
    assert [event.name for event in span.events] == ["sip.ringing", "sip.answered", "sip.ack"]
    assert span.end_time == span.events[-1].timestamp
    assert dict(span.attributes or {}) == {"sip.method": "INVITE", "sip.response.status_code": 200}
