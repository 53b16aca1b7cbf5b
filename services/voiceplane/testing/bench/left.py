"""How long planner and tool gateway go on with work that is left. Processes of their own beside the stack."""

import asyncio
import contextlib
import random
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

from voiceplane.contract.dialogue import CallerSaid, DialogueState, ReplyRequest, ToolRequest
from voiceplane.contract.ids import CallId, new_call_id
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner import client as planner_client
from voiceplane.runtime.clock import Clock
from voiceplane.testing.bench.left_backend import Endless, Spans, process, receive_spans, serve_endless
from voiceplane.testing.bench.lines import Goal, Line
from voiceplane.testing.bench.place import Effort, Place
from voiceplane.tools import client as tools_client

AGENT = Path(__file__).with_name("desk.yaml")
ASKED = "where is my parcel four five six seven two one and what does the insurance cover"
FLOW_S = 0.02  # a reply of the flow planner takes about as long
LONG_S = 10.0  # an end that has not been seen by then is none
GOAL = Goal(median=50)


@dataclass(frozen=True, slots=True)
class _Planners:
    """One replica with two agents, the flow's and a model's, and what it talks to."""

    client: planner_client.PlannerClient
    flow: Bundle
    model: Bundle
    endless: Endless
    spans: Spans
    clock: Clock


async def run(place: Place, effort: Effort) -> list[Line]:
    """Leave replies and a tool at random moments."""
    dice, count = random.Random(11), effort.pick(30, 6)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _planners(place.clock, folder) as planners:
            model = [await _model_ms(planners, dice.uniform(0.0, 0.3)) for _ in range(count)]
            flow = await _flow_ms(planners, [dice.uniform(0.0, FLOW_S) for _ in range(4 * count)])
        tools = await _tools_ms(place, folder, [dice.uniform(0.0, 0.3) for _ in range(count)])
    return [
        Line("a flow planner's reply is left to its end in the replica", "ms", tuple(flow), goal=GOAL),
        Line("a model planner's reply is left to the connection to its endpoint closed", "ms", tuple(model), goal=GOAL),
        Line("a speculative tool is left to its HTTP request closed", "ms", tuple(tools), goal=GOAL),
    ]


@contextlib.asynccontextmanager
async def _planners(clock: Clock, folder: Path) -> AsyncIterator[_Planners]:
    text = AGENT.read_text()
    async with AsyncExitStack() as stack:
        endless, port = await stack.enter_async_context(serve_endless(clock))
        spans, otlp = await stack.enter_async_context(receive_spans())
        asked = f'{{model: {{endpoint: "http://127.0.0.1:{port}/v1", name: endless, timeout: 8s}}}}'
        agent = folder / "model.yaml"
        agent.write_text(text.replace("{flow: {}}", asked).replace("name: bench-desk", "name: bench-model"))
        agents = ("--agent", str(AGENT), "--agent", str(agent), "--otlp-endpoint", otlp)
        target = await stack.enter_async_context(
            process("planner", folder / "planner.log", *agents, "--grpc-port", str(_free_port()))
        )
        client = await stack.enter_async_context(planner_client.open_client(target))
        yield _Planners(client, load_bundle(text), load_bundle(agent.read_text()), endless, spans, clock)


async def _model_ms(planners: _Planners, moment_s: float) -> float:
    """Return how long the endpoint went on to be asked after the reply was left."""
    planners.endless.expect()
    async with aclosing(planners.client.reply(_asked(planners.model, new_call_id()))) as reply:
        await anext(reply)
        await asyncio.sleep(moment_s)
        left_at = planners.clock.monotonic()
    return await _closed_ms(planners.endless, left_at)


async def _flow_ms(planners: _Planners, moments_s: list[float]) -> list[float]:
    """Return for each reply that was left on its way how long the replica's task went on."""
    left_at: dict[CallId, int] = {}
    for moment_s in moments_s:
        call = new_call_id()
        asking = asyncio.create_task(_listen(planners, call), name="asks the flow planner")
        await asyncio.sleep(moment_s)
        if not asking.done():
            left_at[call] = planners.clock.wall_ns()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(2.0)  # the replica sends its spans twice a second
    found = [(planners.spans.ended[call] - at) / 1e6 for call, at in left_at.items() if call in planners.spans.ended]
    return [after for after in found if after > 0]  # those that were whole before are none


async def _listen(planners: _Planners, call: CallId) -> None:
    async with aclosing(planners.client.reply(_asked(planners.flow, call))) as reply:
        async for _ in reply:
            pass


async def _tools_ms(place: Place, folder: Path, moments_s: list[float]) -> list[float]:
    """Return how long a tool's back end went on to be asked after the wish was left."""
    async with AsyncExitStack() as stack:
        endless, port = await stack.enter_async_context(serve_endless(place.clock))
        options = ("--host-alias", f"parcels.support.svc=127.0.0.1:{port}", "--spool", str(folder / "spool"))
        target = await stack.enter_async_context(
            process("tools", folder / "tools.log", "--agent", str(AGENT), "--records", place.records, *options)
        )
        client = await stack.enter_async_context(tools_client.open_client(target))
        bundle, found = load_bundle(AGENT.read_text()), []
        for moment_s in moments_s:
            endless.expect()
            call, arguments = new_call_id(), '{"parcel_number": "456721"}'
            wish = ToolRequest(
                call, bundle.agent_name, bundle.revision, 1, "track-parcel", "parcel-status", arguments, call
            )
            asking = asyncio.create_task(client.invoke(wish), name="asks a tool")
            async with asyncio.timeout(LONG_S):
                await endless.begun.wait()
            await asyncio.sleep(moment_s)
            left_at = place.clock.monotonic()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            found.append(await _closed_ms(endless, left_at))
        return found


async def _closed_ms(endless: Endless, left_at: float) -> float:
    async with asyncio.timeout(LONG_S):
        return (await endless.closed - left_at) * 1000


def _asked(bundle: Bundle, call: CallId) -> ReplyRequest:
    said = CallerSaid(ASKED)
    return ReplyRequest(call, bundle.agent_name, bundle.revision, 1, call, DialogueState(), said, "2026-11-23")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
