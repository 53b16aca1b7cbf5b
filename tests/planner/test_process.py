"""The planner as it runs: Ray Serve behind gRPC, replicas that die, signals."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from tests.planner.conftest import EXAMPLE, ROOT, Collector, PlannerProcess, descendants, free_port, gone
from tests.waiting import until, until_told

from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    PlannerUnavailableError,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
)
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle
from voiceplane.planner.client import open_client
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import planner_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry

pytestmark = pytest.mark.timeout(180)


def asked(bundle: Bundle, text: str, state: DialogueState | None = None) -> ReplyRequest:
    return ReplyRequest(
        CallId("0123456789abcdef0123456789abcdef"),
        "support/parcel-desk",
        bundle.revision,
        1,
        "request-1",
        state or DialogueState(),
        CallerSaid(text),
        "2026-11-23",
    )


async def reply(target: str, request: ReplyRequest) -> list[ReplyEvent]:
    async with open_client(target) as client:
        return [event async for event in client.reply(request)]


async def test_a_reply_comes_in_phrases_with_done_last(serving: PlannerProcess, bundle: Bundle) -> None:
    events = await reply(serving.target, asked(bundle, "are you open on Sunday"))
    assert [event for event in events if isinstance(event, Say)][-1] == Say(
        "Is there anything else I can help with?", constant=True
    )
    done = events[-1]
    assert isinstance(done, Done)
    assert done.intent == "opening-hours"


async def test_any_replica_continues_the_state_of_another(serving: PlannerProcess, bundle: Bundle) -> None:
    state = DialogueState()
    async with open_client(serving.target) as client:
        for text in ("where is my package", "four five two", "double two one"):
            events = [event async for event in client.reply(asked(bundle, text, state))]
            done = events[-1]
            assert isinstance(done, Done)
            state = done.state
    assert events[0] == ToolCall("parcel-status", "track-parcel", '{"parcel_number": "452221"}')


async def test_an_unknown_revision_is_said_at_once_and_not_tried_again(serving: PlannerProcess, bundle: Bundle) -> None:
    request = replace(asked(bundle, "hello"), revision="000000000000")
    async with grpc_server.channel(serving.target) as channel:
        stream = planner_pb2_grpc.PlannerStub(channel).Reply(convert.request_to_wire(request), timeout=10)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stream))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    with pytest.raises(PlannerUnavailableError, match="revision 000000000000"):
        await asyncio.wait_for(reply(serving.target, request), 5)


async def test_a_request_without_a_date_is_the_clients_mistake(serving: PlannerProcess, bundle: Bundle) -> None:
    with pytest.raises(PlannerUnavailableError, match="isoformat"):
        await asyncio.wait_for(reply(serving.target, replace(asked(bundle, "hello"), today="soon")), 5)


async def test_a_replica_continues_the_callers_trace_and_says_nothing_personal(
    serving: PlannerProcess, bundle: Bundle, collector: tuple[Collector, str]
) -> None:
    telemetry.configure("test", otlp_endpoint=None)
    with telemetry.tracer("test").start_as_current_span("turn") as turn:
        await reply(serving.target, asked(bundle, "where is parcel 918273"))
    wanted = turn.get_span_context()
    trace = wanted.trace_id.to_bytes(16)
    (span,) = await until(lambda: [each for each in collector[0].spans if each.trace_id == trace])
    assert span.parent_span_id == wanted.span_id.to_bytes(8)
    assert span.name == "planner.reply"
    attributes = {attribute.key: attribute.value for attribute in span.attributes}
    assert attributes["gen_ai.operation.name"].string_value == "invoke_agent"
    assert attributes["voice.intent"].string_value == "track-parcel"
    told = [
        span.name,
        str(span.attributes),
        str(span.status),
        *(f"{each.name} {each.attributes}" for each in span.events),
    ]
    assert "918273" not in " ".join(told)  # not in ids and times: long numbers, which may hold any six digits


async def test_health_checks_and_metrics_answer(serving: PlannerProcess) -> None:
    assert await grpc_server.healthy(serving.target, timeout_s=5)

    def metrics() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{serving.metrics_port}/metrics", timeout=5) as response:
            return bytes(response.read())

    async def are_there() -> bool:
        return b"ray_serve_deployment" in await asyncio.to_thread(metrics)

    await until_told(are_there, within_s=30)  # Ray's agent collects every few seconds


async def test_a_client_that_goes_away_leaves_the_planner_answering(serving: PlannerProcess, bundle: Bundle) -> None:
    async with open_client(serving.target) as client:
        for number in range(20):
            stream = client.reply(asked(bundle, f"where is my package {number}"))
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.002 * (number % 5))
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        events = [event async for event in client.reply(asked(bundle, "what time do you close"))]
    assert isinstance(events[-1], Done)


async def test_a_reply_is_had_although_a_replica_was_killed(serving: PlannerProcess, bundle: Bundle) -> None:
    before = serving.replicas()
    assert len(before) == 2
    async with open_client(serving.target) as client:

        async def turns(count: int) -> int:
            answered = 0
            for number in range(count):
                text = f"where is parcel {100000 + number}"
                events = [event async for event in client.reply(asked(bundle, text))]
                answered += isinstance(events[-1], Done) and isinstance(events[0], ToolCall)
            return answered

        asking = [asyncio.create_task(turns(25)) for _ in range(4)]
        await asyncio.sleep(0.1)
        os.kill(before[0], signal.SIGKILL)
        assert sum(await asyncio.gather(*asking)) == 100
    deadline = time.monotonic() + 60
    while (after := serving.replicas()) == [before[1]] or before[0] in after or len(after) < 2:
        assert time.monotonic() < deadline, "no new replica was started"
        await asyncio.sleep(0.2)


async def test_a_planner_that_is_not_there_is_unavailable_within_the_deadline(bundle: Bundle) -> None:
    async with open_client(f"127.0.0.1:{free_port()}", reply_s=0.5) as client:
        with pytest.raises(PlannerUnavailableError, match="UNAVAILABLE|DEADLINE_EXCEEDED"):
            await asyncio.wait_for(anext(aiter(client.reply(asked(bundle, "hello")))), 5)


async def test_the_next_proxy_is_asked_when_the_first_is_away(serving: PlannerProcess, bundle: Bundle) -> None:
    async with open_client(f"127.0.0.1:{free_port()}", serving.target) as client:
        events = [event async for event in client.reply(asked(bundle, "are you open on Sunday"))]
    assert isinstance(events[-1], Done)


def test_a_taken_port_is_said_before_ray_starts(serving: PlannerProcess) -> None:
    port = serving.target.rpartition(":")[2]
    command = [sys.executable, "-m", "voiceplane.planner", "serve", "--agent", str(EXAMPLE), "--grpc-port", port]
    ended = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT / "services")}, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "is the port taken?" in ended.stderr


def test_sigterm_leaves_no_process_and_no_folder(serving: PlannerProcess) -> None:
    """The last test of this file: it ends the planner that the others used."""
    pids = list(descendants(serving.process.pid))
    folders = {word for line in serving.pids().values() for word in re.findall(r"/tmp/vp-ray-[^/ ]+", line)}
    assert len(pids) > 5
    assert len(folders) == 1
    assert serving.terminate() == 0
    assert gone(pids, 15) == []
    assert not any(Path(folder).exists() for folder in folders)
