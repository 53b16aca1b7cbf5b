"""Traces of a process: one trace per call, whose id is the call's id. Configured once by each __main__."""

import contextlib
import contextvars
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, Span, SpanKind, Status, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from voiceplane.contract.ids import CallId

_PROPAGATOR = TraceContextTextMapPropagator()
_FORCED_TRACE_ID: contextvars.ContextVar[int | None] = contextvars.ContextVar("forced_trace_id", default=None)
EXPORT_TIMEOUT_S = 5
SHUTDOWN_S = 5.0  # what a stopping process waits for a collector that may be away
CALL_SPAN = "sip.dialog"  # the name of a call's root span: other roots are of no call
QUEUE_SPANS = 8192  # about 100 calls' worth while the collector is away; then the newest are dropped


class CallIdGenerator(IdGenerator):
    """Random ids, except that a call's root span takes the call's id as its trace id."""

    def generate_span_id(self) -> int:
        """Return 64 random bits, never zero."""
        return random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """Return the forced id inside start_call_span, else 128 random bits."""
        return _FORCED_TRACE_ID.get() or random.getrandbits(128) or 1


def is_personal(key: str) -> bool:
    """Say whether a key is marked as personal data: it has a segment `pii`."""
    return "pii" in key.lower().replace("_", ".").replace("-", ".").split(".")


class RedactingExporter(SpanExporter):
    """Drop attributes marked as personal data before they leave the process."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Redact for this exporter."""
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans without their personal attributes."""
        return self._exporter.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Close the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)


# An exception's words may quote the caller, and a stack shows the source line; its type says enough in a trace.
_FREE_TEXT = frozenset({"exception.message", "exception.stacktrace"})


def _kept(attributes: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    return {key: value for key, value in (attributes or {}).items() if not is_personal(key) and key not in _FREE_TEXT}


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=_kept(span.attributes),
        events=[Event(event.name, _kept(event.attributes), event.timestamp) for event in span.events],
        links=[Link(link.context, _kept(link.attributes)) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),  # its description repeats the exception's words
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The trace pipeline of this process."""

    provider: TracerProvider

    def shutdown(self) -> None:
        """Send what is left and stop, within SHUTDOWN_S: the SDK's own flush has no bound when the far side hangs."""
        stopping = threading.Thread(target=self.provider.shutdown, name="telemetry-shutdown", daemon=True)
        stopping.start()
        stopping.join(SHUTDOWN_S)


def configure(service: str, *, otlp_endpoint: str | None, instance: str = "", keep_personal: bool = False) -> Telemetry:
    """Set up tracing for the process; without an endpoint spans are made and propagated but not sent."""
    resource = Resource.create({"service.name": service, "service.instance.id": instance or service})
    provider = TracerProvider(resource=resource, id_generator=CallIdGenerator())
    if otlp_endpoint:
        otlp = OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True, timeout=EXPORT_TIMEOUT_S)
        exporter: SpanExporter = otlp if keep_personal else RedactingExporter(otlp)
        provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_SPANS, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    return Telemetry(provider)


def tracer(name: str) -> Tracer:
    """Return the tracer of a module."""
    return trace.get_tracer(name)


@contextlib.contextmanager
def start_call_span(call_id: CallId, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """Open the root span of a call: a real root whose trace id is the call id (RFC 7989 UUID)."""
    token = _FORCED_TRACE_ID.set(int(call_id, 16))
    try:
        span = tracer("voiceplane.call").start_span(
            CALL_SPAN, context=Context(), kind=SpanKind.SERVER, attributes=dict(attributes)
        )
    finally:
        _FORCED_TRACE_ID.reset(token)
    with trace.use_span(span, end_on_exit=True):
        yield span


def inject_headers() -> dict[str, str]:
    """Return the W3C trace headers of the current span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier


def inject() -> tuple[tuple[str, str], ...]:
    """Return the current span as gRPC metadata."""
    return tuple(inject_headers().items())


def extract(metadata: Iterable[tuple[str, str | bytes]]) -> Context:
    """Read the caller's span from gRPC metadata or HTTP headers."""
    carrier = {key.lower(): value for key, value in metadata if isinstance(value, str)}
    return _PROPAGATOR.extract(carrier)
