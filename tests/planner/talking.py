"""What the model planner's tests share: the brain of the parcel desk, its endpoint, and its spans."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.planner.scripted import Finish, Script, Scripted, Words, scripted

from voiceplane.contract.agent import ModelPlanner, VoiceAgentSpec
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    HeardTurn,
    ReplyEvent,
    ReplyRequest,
    Say,
)
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.model import ModelBrain
from voiceplane.runtime import telemetry

TODAY = "2026-11-23"
TALK: Script = (Words("We sell"), Words(" boxes. "), Words("Do you need one?"), Finish())


class Harness:
    """A model brain of the parcel desk, its endpoint, and its spans."""

    def __init__(self, spec: VoiceAgentSpec, flow: FlowPlanner, endpoint: Scripted, settings: ModelPlanner) -> None:
        self.costs: list[tuple[str, int]] = []
        self.endpoint, self.flow, self.spec = endpoint, flow, spec
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.brain = ModelBrain(spec, settings, flow, lambda kind, number: self.costs.append((kind, number)))

    async def reply(self, request: ReplyRequest) -> list[ReplyEvent]:
        with self.provider.get_tracer("test").start_as_current_span("planner.reply") as span:
            async with aclosing(self.brain.stream(request, span)) as events:
                return [event async for event in events]

    async def say(self, text: str, state: DialogueState | None = None, *heard: HeardTurn) -> list[ReplyEvent]:
        return await self.reply(asked(text, state, *heard))

    def span(self, name: str) -> ReadableSpan:
        return [span for span in self.exporter.get_finished_spans() if span.name.startswith(name)][-1]

    def fallback(self) -> object:
        attributes = self.span("planner.reply").attributes or {}
        return attributes.get("voice.planner.fallback")


def asked(text: str, state: DialogueState | None = None, *heard: HeardTurn) -> ReplyRequest:
    return ReplyRequest(
        CallId("0" * 32), "a/b", "r", 1, "q", state or DialogueState(), CallerSaid(text), TODAY, tuple(heard)
    )


@asynccontextmanager
async def talking(
    bundle: Bundle,
    flow: FlowPlanner,
    *scripts: Script,
    monkeypatch: pytest.MonkeyPatch | None = None,
    **changes: object,
) -> AsyncIterator[Harness]:
    async with scripted(*scripts) as endpoint:
        values: dict[str, object] = {"endpoint": endpoint.url, "name": "small", "first_token": 5.0, "timeout": 20.0}
        settings = ModelPlanner.model_validate(values | changes)
        harness = Harness(bundle.agent.spec, flow, endpoint, settings)
        if monkeypatch is not None:
            monkeypatch.setattr(telemetry, "tracer", harness.provider.get_tracer)
        try:
            yield harness
        finally:
            await harness.brain.close()


def texts(events: list[ReplyEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Say)]


def flows(harness: Harness, text: str, state: DialogueState | None = None) -> list[ReplyEvent]:
    return list(harness.flow.reply(asked(text, state)))
