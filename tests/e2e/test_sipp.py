"""SIPp against the real gateway of the running stack: scenarios of tests/sip/sipp, and what the records then say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.sip.sipp_runner import run_sipp

from voiceplane.records.client import read_calls
from voiceplane.records.rows import CallRow
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server
from voiceplane.runtime.clock import SystemClock

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
NAME = "parcel-desk"


async def ends(running: Any, began_ns: int) -> list[tuple[str, str]]:
    """Return outcome and end reason of the calls since; a record comes just after the end, of an older call later."""
    for _ in range(100):
        rows: tuple[CallRow, ...] = await read_calls(running.endpoints.records, 20)
        new = [(row.outcome, row.end_reason) for row in rows if row.started_unix_ns >= began_ns]
        if new:
            return new
        await asyncio.sleep(0.1)
    raise AssertionError("no new call record")


def address(running: Any) -> str:
    return str(running.endpoints.sip.split("@")[1])


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        ("offerless.xml", ("-t", "u1")),
        ("cancel_race.xml", ("-t", "u1")),
        ("session_timer.xml", ("-t", "u1")),
        ("session_timer.xml", ("-t", "t1")),
        ("hold.xml", ("-t", "u1")),
        ("hold.xml", ("-t", "t1")),
        ("retransmission_answered.xml", ("-nr",)),
        ("malformed.xml", ("-t", "u1")),
        ("malformed.xml", ("-t", "t1")),
    ],
)
async def test_a_scenario_goes_as_written_and_leaves_one_record(
    scenario: str, options: tuple[str, ...], running: Any, tmp_path: Path
) -> None:
    began = SystemClock().wall_ns()
    await run_sipp(address(running), scenario, tmp_path, *options, service=NAME)
    assert await ends(running, began) == [("abandoned", "caller-hung-up")]


async def live_call(stub: Any) -> str:
    for _ in range(100):
        listed = await stub.List(calls_pb2.ListCallsRequest(), timeout=5)
        if listed.calls and listed.calls[0].state != "ringing":
            return str(listed.calls[0].call_id)
        await asyncio.sleep(0.05)
    raise AssertionError("no live call")


async def test_an_operators_transfer_is_followed_to_its_end(running: Any, tmp_path: Path) -> None:
    began = SystemClock().wall_ns()
    async with grpc_server.channel(running.endpoints.gateway) as channel, asyncio.TaskGroup() as tasks:
        stub: Any = calls_pb2_grpc.CallsStub(channel)
        tasks.create_task(run_sipp(address(running), "refer.xml", tmp_path, service=NAME))
        request = calls_pb2.TransferCallRequest(call_id=await live_call(stub), target="sip:queue@pbx.example")
        assert (await stub.Transfer(request, timeout=5)).sip_status == 202
    assert await ends(running, began) == [("transferred", "transferred")]


async def test_an_operator_hangs_up(running: Any, tmp_path: Path) -> None:
    began = SystemClock().wall_ns()
    async with grpc_server.channel(running.endpoints.gateway) as channel, asyncio.TaskGroup() as tasks:
        stub: Any = calls_pb2_grpc.CallsStub(channel)
        tasks.create_task(run_sipp(address(running), "called_side_hangs_up.xml", tmp_path, service=NAME))
        await stub.HangUp(calls_pb2.HangUpCallRequest(call_id=await live_call(stub)), timeout=5)
    assert await ends(running, began) == [("abandoned", "operator")]
