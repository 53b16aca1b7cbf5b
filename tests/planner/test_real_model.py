"""The model planner with a real model on a real server: SmolLM2-135M on llama.cpp. What it says is its own affair.

A model of this size often says nonsense; that the flow planner then answers is part of what is tested.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.planner.conftest import free_port
from tests.planner.llama import llama, metric
from tests.planner.talking import asked
from tests.waiting import until_told

from voiceplane.contract.agent import ModelPlanner
from voiceplane.contract.dialogue import Done, ReplyEvent, Say
from voiceplane.contract.load import Bundle
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.model import ModelBrain
from voiceplane.runtime import telemetry

pytestmark = pytest.mark.timeout(420)  # the first run installs the model
TRIES = 4  # two replies each; nonsense, which is not spoken, has no end that is counted


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama(free_port(), tmp_path_factory.mktemp("llama") / "server.log") as url:
        yield url


def brain(bundle: Bundle, flow: FlowPlanner, endpoint: str, *, max_tokens: int) -> ModelBrain:
    settings = ModelPlanner(endpoint=endpoint, name="smollm2", max_tokens=max_tokens, first_token=60.0, timeout=90.0)
    return ModelBrain(bundle.agent.spec, settings, flow)


async def test_a_real_model_converses_and_its_tokens_are_counted(
    bundle: Bundle, planner: FlowPlanner, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer)
    monkeypatch.setattr("voiceplane.planner.endpoint.STALL_S", 60.0)  # a busy machine is not what is tested here
    before = metric(endpoint, "tokens_predicted_total")
    counted: list[int] = []
    for _ in range(TRIES):
        exporter.clear()
        talking = brain(bundle, planner, endpoint, max_tokens=24)
        for text in ("Hello, who am I talking to?", "What can you do for me?"):
            with provider.get_tracer("test").start_as_current_span("planner.reply") as span:
                async with aclosing(talking.stream(asked(text), span)) as events:
                    reply: list[ReplyEvent] = [event async for event in events]
            assert isinstance(reply[0], Say) and isinstance(reply[-1], Done)
        await talking.close()
        chats = [dict(span.attributes or {}) for span in exporter.get_finished_spans() if span.name == "chat smollm2"]
        assert chats, "the model was never asked"
        whole = [chat for chat in chats if "gen_ai.usage.output_tokens" in chat]
        assert all(int(str(chat["gen_ai.usage.input_tokens"])) > 50 for chat in whole)
        counted += [int(str(chat["gen_ai.usage.output_tokens"])) for chat in whole]
        if counted:
            break
    assert counted, f"no reply of the model came to its end: {[chat.get('error.type') for chat in chats]}"
    assert all(0 < count <= 24 for count in counted)
    assert metric(endpoint, "tokens_predicted_total") >= before + sum(counted)


async def test_closing_a_reply_stops_the_generation_in_the_server(
    bundle: Bundle, planner: FlowPlanner, endpoint: str
) -> None:
    talking = brain(bundle, planner, endpoint, max_tokens=2000)
    work = asyncio.create_task(_one(talking, "Tell me a very long story about a parcel that travels the world."))

    async def requests() -> float:
        return await asyncio.to_thread(metric, endpoint, "requests_processing")

    async def is_idle() -> bool:
        return not await requests()

    await until_told(requests, within_s=30)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    # A whole reply of this length takes minutes; a batch of the prompt is finished first.
    await until_told(is_idle)
    await talking.close()


async def _one(talking: ModelBrain, text: str) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("planner.reply") as span:
        async with aclosing(talking.stream(asked(text), span)) as events:
            async for _ in events:
                pass


async def test_a_server_that_dies_while_it_speaks_leaves_a_reply_that_ends(
    bundle: Bundle, planner: FlowPlanner, tmp_path: Path
) -> None:
    with llama(free_port(), tmp_path / "server.log") as url:
        talking = brain(bundle, planner, url, max_tokens=400)
        with TracerProvider().get_tracer("test").start_as_current_span("planner.reply") as span:
            events = talking.stream(asked("Tell me what you know about parcels, in many sentences."), span)
            first = asyncio.ensure_future(anext(events))
            await asyncio.sleep(1.0)
    async with aclosing(events):  # the server is dead now
        got = [await first, *[event async for event in events]]
    assert isinstance(got[-1], Done)
    await talking.close()
