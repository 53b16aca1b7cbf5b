"""The model planner as it runs: in a Ray Serve replica, behind gRPC, asked by the call's own client."""

import asyncio
import re
import time
import urllib.request
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.planner.conftest import EXAMPLE, Collector, PlannerProcess, start_planner, stop_hard
from tests.planner.scripted import Finish, Pause, Scripted, Words, scripted
from tests.planner.test_process import asked

from voiceplane.contract.dialogue import Done, Say
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.client import open_client
from voiceplane.runtime import telemetry

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
MANY = 400
LONG = (Words("We sell boxes. "), Pause(0.8), Words("They are brown. "), Pause(0.8), Words("Ask for "), Pause(0.8))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def modelled(
    tmp_path_factory: pytest.TempPathFactory, collector: tuple[Collector, str]
) -> AsyncIterator[tuple[PlannerProcess, Bundle, Scripted]]:
    folder = tmp_path_factory.mktemp("model-planner")
    script = (*LONG, Words("one today. "), Finish(usage=(120, 17)))
    async with scripted(script) as endpoint:
        agent = folder / "agent.yaml"
        model = f'{{model: {{endpoint: "{endpoint.url}", name: small, maxTokens: 64, timeout: 8s}}}}'
        agent.write_text(EXAMPLE.read_text().replace("{flow: {}}", model))
        running = await asyncio.to_thread(
            lambda: start_planner(folder, replicas=1, otlp_endpoint=collector[1], agent=agent)
        )
        try:
            yield running, load_bundle(agent.read_text()), endpoint
        finally:
            try:
                await asyncio.to_thread(running.terminate)
            finally:
                stop_hard(running)


async def test_phrases_leave_the_replica_as_they_are_made_and_tokens_are_in_the_calls_trace(
    modelled: tuple[PlannerProcess, Bundle, Scripted], collector: tuple[Collector, str]
) -> None:
    running, bundle, _ = modelled
    telemetry.configure("test", otlp_endpoint=None)
    times, said = [], []
    with telemetry.tracer("test").start_as_current_span("turn") as turn:
        async with open_client(running.target) as client:
            async for event in client.reply(asked(bundle, "what do you sell then")):
                times.append(time.monotonic())
                said.append(event)
    assert [event.text for event in said if isinstance(event, Say)] == [
        "We sell boxes.", "They are brown.", "Ask for one today.",
    ]  # fmt: skip
    assert isinstance(said[-1], Done)
    assert times[-1] - times[0] > 1.0  # longer than one try of a dead replica may be silent, in all
    trace = turn.get_span_context().trace_id.to_bytes(16)
    for _ in range(100):  # the replica sends its spans twice a second
        spans = {span.name: span for span in collector[0].spans if span.trace_id == trace}
        if len(spans) > 1:
            break
        await asyncio.sleep(0.1)
    assert spans["chat small"].parent_span_id == spans["planner.reply"].span_id
    attributes = {each.key: each.value for each in spans["chat small"].attributes}
    assert attributes["gen_ai.usage.input_tokens"].int_value == 120
    assert attributes["gen_ai.usage.output_tokens"].int_value == 17
    assert "boxes" not in str(spans)


async def test_a_call_that_drops_its_request_stops_the_generation(
    modelled: tuple[PlannerProcess, Bundle, Scripted],
) -> None:
    """The endpoint would write for 20 s; it is left after a phrase, and writes nothing more."""
    running, bundle, endpoint = modelled
    scripts, endpoint.scripts = endpoint.scripts, ((Words("We sell boxes. "), *(Words("word "), Pause(0.05)) * MANY),)
    async with open_client(running.target) as client:
        for _ in range(3):
            endpoint.gone.clear()
            before = endpoint.sent
            stream = client.reply(asked(bundle, "what do you sell then"))
            await anext(stream)
            await stream.aclose()
            await asyncio.wait_for(endpoint.gone.wait(), 15)
            generated = endpoint.sent
            await asyncio.sleep(0.3)
            assert endpoint.sent == generated < before + MANY / 2
    endpoint.scripts = scripts


async def test_tokens_are_counted_for_prometheus_those_of_cancelled_replies_too(
    modelled: tuple[PlannerProcess, Bundle, Scripted],
) -> None:
    """One whole reply and one that is left; what the tests before have cost is in the endpoint's own count."""
    running, bundle, endpoint = modelled
    async with open_client(running.target) as client:
        assert len([event async for event in client.reply(asked(bundle, "what do you sell then"))]) > 1
        endpoint.gone.clear()
        stream = client.reply(asked(bundle, "what do you sell then"))
        await anext(stream)
        await stream.aclose()
        await asyncio.wait_for(endpoint.gone.wait(), 15)

    def counted() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.metrics_port}/metrics", timeout=5) as response:
            text = response.read().decode()
        found = re.findall(r'^ray_voiceplane_model_tokens(?:_total)?\{.*?kind="(\w+)".*\} ([0-9.e+]+)$', text, re.M)
        return {kind: float(value) for kind, value in found}

    def are_all_there(told: dict[str, float]) -> bool:
        whole = (told.get("input_tokens"), told.get("output_tokens"))
        return whole == endpoint.told and told.get("cancelled_pieces", 0) >= endpoint.left

    told: dict[str, float] = {}
    for _ in range(120):  # Ray sends them on every few seconds
        told = await asyncio.to_thread(counted)
        if are_all_there(told):
            break
        await asyncio.sleep(0.5)
    assert are_all_there(told), (told, endpoint.told, endpoint.left)


async def test_the_flow_planner_answers_over_the_wire_when_the_endpoint_has_died(
    modelled: tuple[PlannerProcess, Bundle, Scripted],
) -> None:
    """The last test of this file: the endpoint answers nothing more."""
    running, bundle, endpoint = modelled
    endpoint.scripts = ((Pause(30.0), Finish()),)
    async with open_client(running.target) as client:
        began = time.monotonic()
        events = [event async for event in client.reply(asked(bundle, "do you work on Sundays"))]
    assert isinstance(events[-1], Done)
    assert events[-1].intent == "opening-hours"
    assert time.monotonic() - began < 20.0, "the endpoint says nothing for 30 s"
