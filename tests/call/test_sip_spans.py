"""The SIP transactions as the trace of a call shows them, through the whole join."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tests.call.joined import Planner, joined
from tests.waiting import until

from voiceplane.call import loop, signaling, transfers
from voiceplane.contract.dialogue import HangUp, Say, Transfer
from voiceplane.runtime import telemetry
from voiceplane.testing.phone import CallEnded, Phone, PhoneSettings, TransferPolicy


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=telemetry.CallIdGenerator())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in (loop, signaling, transfers):
        monkeypatch.setattr(module, "SPANS", provider.get_tracer("test"))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer)
    return exporter


async def ended(exporter: InMemorySpanExporter, name: str) -> Sequence[ReadableSpan]:
    """Wait until a span of this name has ended; return all."""
    await until(lambda: any(span.name == name for span in exporter.get_finished_spans()))
    return exporter.get_finished_spans()


def facts(spans: Sequence[ReadableSpan], name: str) -> list[tuple[SpanKind, object]]:
    """Return who asked (a client span is ours) and what was answered, in order."""
    found = [span for span in spans if span.name == name]
    return [(span.kind, (span.attributes or {}).get("sip.response.status_code")) for span in found]


async def test_the_invite_span_goes_from_the_invite_to_its_ack(tmp_path: Path, exporter: InMemorySpanExporter) -> None:
    async with joined(tmp_path) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
        record = await gateway.record()
    (span,) = [span for span in exporter.get_finished_spans() if span.name == "sip.invite"]
    assert span.start_time == record.started_unix_ns
    assert [event.name for event in span.events] == ["sip.ringing", "sip.answered", "sip.ack"]
    assert span.end_time == span.events[-1].timestamp
    assert dict(span.attributes or {}) == {"sip.method": "INVITE", "sip.response.status_code": 200}


async def test_holds_refreshes_and_the_callers_bye_are_in_the_calls_trace(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    async with joined(tmp_path) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.hold()
            await asyncio.sleep(0.3)
            await call.unhold()
            assert await call.update() == 200
            await call.hang_up()
        record = await gateway.record()
        spans = await ended(exporter, "sip.dialog")
    assert facts(spans, "sip.reinvite") == [(SpanKind.SERVER, 200)] * 2
    assert facts(spans, "sip.update") == facts(spans, "sip.bye") == [(SpanKind.SERVER, 200)]
    (hold,) = [span for span in spans if span.name == "media.hold"]
    assert (hold.end_time or 0) - (hold.start_time or 0) >= 0.25e9
    (root,) = [span for span in spans if span.name == "sip.dialog"]
    for span in spans:
        assert span.context is not None and f"{span.context.trace_id:032x}" == record.call_id
        if span.name in ("sip.reinvite", "sip.update", "sip.bye"):
            assert span.parent is not None and root.context is not None
            assert span.parent.span_id == root.context.span_id
            assert (span.start_time or 0) <= (span.end_time or 0)
            assert set(span.attributes or {}) == {"sip.method", "sip.response.status_code"}


async def test_the_agents_bye_is_in_the_trace_with_its_answer_which_comes_after_the_call(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    desk = Planner({"0": (Say("Goodbye."), HangUp("done"))})
    async with joined(tmp_path, planner=desk) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            with contextlib.suppress(CallEnded):  # it may end before the last key's gap does
                await call.dtmf("0#")
            await call.wait_ended()
        record = await gateway.record()
        spans = await ended(exporter, "sip.bye")
    assert facts(spans, "sip.bye") == [(SpanKind.CLIENT, 200)]
    (bye,) = [span for span in spans if span.name == "sip.bye"]
    assert bye.context is not None and f"{bye.context.trace_id:032x}" == record.call_id


async def test_a_transfer_that_fails_is_an_error_and_each_notify_is_there(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    desk = Planner({"0": (Say("One moment."), Transfer("requested", "A person."))})
    settings = PhoneSettings(transfers=TransferPolicy(202, 486))
    async with joined(tmp_path, planner=desk) as gateway:
        async with Phone(gateway.target, settings) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("0#")
            await call.wait_for_agent_silence(quiet_ms=300)
        await gateway.record()
    spans = exporter.get_finished_spans()
    (refer,) = [span for span in spans if span.name == "sip.refer"]
    assert facts(spans, "sip.refer") == [(SpanKind.CLIENT, 486)]
    assert (refer.attributes or {})["error.type"] == "486" and not refer.status.is_ok
    assert facts(spans, "sip.notify") == [(SpanKind.SERVER, 200)] * 2


async def test_the_hold_that_a_call_begins_with_is_in_its_trace(tmp_path: Path, exporter: InMemorySpanExporter) -> None:
    async with joined(tmp_path) as gateway:
        async with Phone(gateway.target, PhoneSettings(held=True)) as call:
            await asyncio.sleep(0.3)
            await call.unhold()
            await call.hang_up()
        spans = await ended(exporter, "sip.dialog")
    (hold,) = [span for span in spans if span.name == "media.hold"]
    assert (hold.end_time or 0) - (hold.start_time or 0) >= 0.25e9
