"""The SIP transactions of a call as spans of its trace. Called by call.loop; no header of a message goes in."""

from opentelemetry import context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from voiceplane.runtime import telemetry
from voiceplane.sip.incoming import Exchange, IncomingCall

SPANS = telemetry.tracer("voiceplane.call")
CANCELLED_STATUS = 487  # the answer to an INVITE that the caller took back
_INSIDE = {"BYE": "sip.bye", "INVITE": "sip.reinvite", "UPDATE": "sip.update", "NOTIFY": "sip.notify"}


def trace_invite(call: IncomingCall, now_ns: int) -> None:
    """Show the INVITE transaction from its first message to the ACK, or to now where none came."""
    marks = call.timings
    span = SPANS.start_span("sip.invite", kind=SpanKind.SERVER, start_time=marks.received_ns)
    span.set_attributes({"sip.method": "INVITE", "sip.response.status_code": marks.status or CANCELLED_STATUS})
    named = (("sip.ringing", marks.rung_ns), ("sip.answered", marks.answered_ns), ("sip.ack", marks.confirmed_ns))
    for name, at_ns in named:
        if at_ns is not None:
            span.add_event(name, timestamp=at_ns)
    span.end(marks.confirmed_ns or now_ns)


def trace_exchanges(call: IncomingCall) -> None:
    """Show what either side asks inside the call under the current span, when its final answer is there.

    Also after that span's end: the answer to our BYE comes when the call is over.
    """
    parent = context.get_current()

    def draw(exchange: Exchange) -> None:
        kind = SpanKind.CLIENT if exchange.ours else SpanKind.SERVER
        span = SPANS.start_span(_INSIDE[exchange.method], context=parent, kind=kind, start_time=exchange.began_ns)
        span.set_attribute("sip.method", exchange.method)
        if exchange.status is not None:
            span.set_attribute("sip.response.status_code", exchange.status)
        mark_failure(span, exchange.status, ours=exchange.ours)
        span.end(exchange.ended_ns)

    call.follow(draw)


class HoldSpan:
    """A span for each time that the caller keeps us on hold, under the current span."""

    def __init__(self) -> None:
        """Start while nothing is held."""
        self._parent = context.get_current()
        self._span: Span | None = None

    def follow(self, *, held: bool) -> None:
        """Begin a hold or end it; nothing where nothing changes."""
        if held and self._span is None:
            self._span = SPANS.start_span("media.hold", context=self._parent)
        elif not held and self._span is not None:
            self._span.end()
            self._span = None


def mark_failure(span: Span, status: int | None, *, ours: bool) -> None:
    """Mark an error as OpenTelemetry does for HTTP: 4xx are the asker's, so an error of ours only where we asked."""
    if status is None or status >= (300 if ours else 500):
        span.set_attribute("error.type", "timeout" if status is None else str(status))
        span.set_status(Status(StatusCode.ERROR))
