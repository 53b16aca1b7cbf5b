"""The span of one model request, in OpenTelemetry's GenAI words. Used by model.py; never holds what was said."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from voiceplane.contract.agent import ModelPlanner
from voiceplane.planner.chat import End
from voiceplane.runtime import telemetry

PROVIDER = "openai-compatible"
Spent = Callable[[str, int], None]  # a kind (input_tokens, output_tokens, cancelled_pieces) and how many


@dataclass(slots=True)
class ChatFacts:
    """What is learned while the reply streams."""

    span: Span
    began: float  # loop seconds
    spent: Spent
    pieces: int = 0

    def token(self, now: float) -> None:
        """Count a piece; the first one tells how long the caller waited for the model."""
        if not self.pieces:
            self.span.set_attribute("voice.planner.first_token_ms", round((now - self.began) * 1000, 1))
        self.pieces += 1

    def ended(self, end: End) -> None:
        """Take what the endpoint says of a whole reply."""
        self.span.set_attribute("gen_ai.response.finish_reasons", [end.finish_reason or "unknown"])
        if end.model:
            self.span.set_attribute("gen_ai.response.model", end.model)
        if end.usage is not None:
            self.span.set_attribute("gen_ai.usage.input_tokens", end.usage.input_tokens)
            self.span.set_attribute("gen_ai.usage.output_tokens", end.usage.output_tokens)
            self.spent("input_tokens", end.usage.input_tokens)
            self.spent("output_tokens", end.usage.output_tokens)

    def failed(self, kind: str) -> None:
        """Say why there is no reply."""
        self.span.set_attribute("error.type", kind)
        self.span.set_status(Status(StatusCode.ERROR))


@contextmanager
def chat_span(settings: ModelPlanner, host: str, port: int, parent: Span, *, spent: Spent) -> Iterator[ChatFacts]:
    """Open the span of a request; one that is left before its end counts as cancelled, with the pieces it cost."""
    attributes: dict[str, str | int | float] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": settings.name,
        "gen_ai.request.max_tokens": settings.max_tokens,
        "gen_ai.request.temperature": settings.temperature,
        "server.address": host,
        "server.port": port,
    }
    tracer = telemetry.tracer("voiceplane.planner")
    span = tracer.start_span(
        f"chat {settings.name}", context=set_span_in_context(parent), kind=SpanKind.CLIENT, attributes=attributes
    )
    facts = ChatFacts(span, asyncio.get_running_loop().time(), spent)
    try:  # not the current span: an async generator may be closed from another context
        yield facts
    except (GeneratorExit, asyncio.CancelledError):
        span.set_attribute("voice.cancelled", True)
        spent("cancelled_pieces", facts.pieces)  # the endpoint tells the tokens of whole replies only
        raise
    finally:
        span.set_attribute("voice.planner.pieces", facts.pieces)
        span.end()
