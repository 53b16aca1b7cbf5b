"""SipServer over real loopback sockets, UDP and TCP on one port."""

import asyncio
import logging
import random

import pytest
from aiosipua.headers import CSeq
from tests.sip.sockets import WAIT_S, line, running

from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallEnded, CallRefused, Confirmed
from voiceplane.sip.server import SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.testing.caller import Caller


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_goes_from_invite_to_bye_over_a_real_socket(transport: str) -> None:
    caller = Caller()
    async with running() as state, line(state.server.port, transport) as way:
        way.put(caller.invite())
        assert await way.status() == 100
        call = await asyncio.wait_for(state.calls.get(), WAIT_S)
        call.ring()
        assert await way.status() == 180
        agreed = call.accept("127.0.0.1", 20000)
        assert agreed is not None and agreed.codec == "G722"
        ok = await way.response()
        assert ok.status_code == 200
        assert f"127.0.0.1:{state.server.port}" in (ok.get_header("Contact") or "")
        target = ok.to_addr
        caller.to_tag = (target.tag if target else "") or ""
        way.put(caller.text("ACK", cseq=1, branch="z9hG4bK-ack"))
        events = call.events()
        assert isinstance(await asyncio.wait_for(anext(events), WAIT_S), Confirmed)
        assert state.server.active == 1
        way.put(caller.text("BYE"))
        ended = await asyncio.wait_for(anext(events), WAIT_S)
        assert isinstance(ended, CallEnded) and ended.reason == "bye"
        assert await way.status() == 200
        times = call.timings
        assert times.rung_ns and times.answered_ns and times.confirmed_ns
        assert call.received_ns <= times.rung_ns <= times.answered_ns <= times.confirmed_ns
        assert times.status == 200
        assert state.server.active == 0


async def test_a_packet_with_an_impossible_port_does_not_close_the_socket() -> None:
    async with running() as state, line(state.server.port, "udp") as way:
        hostile = Caller().text("OPTIONS").replace(b"192.0.2.1:5062;", b"192.0.2.1:99999;").replace(b";rport", b"")
        way.put(hostile)
        assert await way.status() == 200
        way.put(Caller(call_id="after").text("OPTIONS"))
        assert await way.status() == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_garbage_beside_a_live_call_neither_ends_it_nor_stops_the_next(
    transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(3261)
    caller = Caller(call_id="live")
    async with running() as state, line(state.server.port, transport) as way:
        way.put(caller.invite())
        assert await way.status() == 100
        call = await asyncio.wait_for(state.calls.get(), WAIT_S)
        call.accept("127.0.0.1", 20000)
        target = (await way.response()).to_addr
        caller.to_tag = (target.tag if target else "") or ""
        way.put(caller.text("ACK", cseq=1, branch="z9hG4bK-ack"))
        whole = Caller(call_id="cut").invite()
        for _ in range(60):
            async with line(state.server.port, transport) as hostile:
                hostile.put(dice.randbytes(dice.randrange(1, 1400)))
                hostile.put(whole[: dice.randrange(1, len(whole))])
                if isinstance(hostile.send, asyncio.StreamWriter):
                    hostile.send.transport.abort()  # a reset in the middle of a message
        way.put(caller.text("UPDATE"))
        while (answer := await way.response()).cseq != CSeq(2, "UPDATE"):
            assert answer.status_code == 200  # our 200 may have come again before its ACK
        assert answer.status_code == 200 and state.server.active == 1
        async with line(state.server.port, transport) as other:
            other.put(Caller(call_id="next").invite())
            assert await other.status() == 100
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_fault_in_the_agent_is_logged_and_the_server_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    received, ticked = asyncio.Event(), asyncio.Event()

    def broken_receive(*_: object) -> list[object]:
        received.set()
        raise RuntimeError("a fault of ours")

    def broken_tick(*_: object) -> list[object]:
        ticked.set()
        raise RuntimeError("a fault of ours")

    async with running() as state, line(state.server.port, "udp") as way:
        with monkeypatch.context() as patch:
            patch.setattr(UserAgent, "tick", broken_tick)
            patch.setattr(UserAgent, "receive", broken_receive)
            way.put(Caller().text("OPTIONS"))
            await asyncio.wait_for(received.wait(), WAIT_S)
            await asyncio.wait_for(ticked.wait(), WAIT_S)
        way.put(Caller(call_id="after").text("OPTIONS"))
        assert await way.status() == 200
    assert {"a message could not be taken", "a SIP timer failed"} <= set(caplog.messages)


async def test_draining_refuses_new_calls_and_keeps_the_live_one() -> None:
    caller, late = Caller(), Caller(call_id="late")
    async with running() as state, line(state.server.port, "udp") as way:
        way.put(caller.invite())
        assert await way.status() == 100
        call = await asyncio.wait_for(state.calls.get(), WAIT_S)
        state.server.drain()
        way.put(late.invite())
        refused = await way.response()
        assert refused.status_code == 503 and refused.get_header("Retry-After")
        call.accept("127.0.0.1", 20000)
        assert await way.status() == 200
        assert [event.reason for event in state.refused] == ["draining"]


async def test_calls_that_nobody_takes_are_refused_at_the_bound() -> None:
    refused: list[CallRefused] = []
    server = SipServer(UserAgent(AgentSettings(port=0), Limits(max_calls=1)), SystemClock(), refused=refused.append)
    async with server.listening("127.0.0.1", 0), line(server.port, "udp") as way:
        for number in range(2):
            caller = Caller(call_id=f"gone-{number}")
            way.put(caller.invite())
            assert await way.status() == 100
            way.put(caller.text("CANCEL", cseq=1, branch=f"z9hG4bK-gone-{number}-INVITE-1"))
            assert [await way.status(), await way.status()] == [200, 487]
            way.put(caller.text("ACK", cseq=1, branch=f"z9hG4bK-gone-{number}-INVITE-1"))
        way.put(Caller(call_id="third").invite())
        assert [await way.status(), await way.status()] == [100, 503]
        assert server.active == 0
