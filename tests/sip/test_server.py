"""SipServer over real loopback sockets, UDP and TCP on one port."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiosipua.headers import CSeq

from voiceplane.runtime.clock import SystemClock
from voiceplane.sip import server as shell
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallEnded, CallRefused, Confirmed
from voiceplane.sip.framing import Framer
from voiceplane.sip.message import Response, parse
from voiceplane.sip.server import IncomingCall, SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.testing.caller import Caller

WAIT_S = 10.0  # a deadline for a hung test, not a measurement


@dataclass
class Running:
    server: SipServer
    refused: list[CallRefused] = field(default_factory=list)
    calls: "asyncio.Queue[IncomingCall]" = field(default_factory=asyncio.Queue)


@contextlib.asynccontextmanager
async def running(limits: Limits | None = None) -> AsyncIterator[Running]:
    refused: list[CallRefused] = []
    agent = UserAgent(AgentSettings(port=0), limits or Limits())
    server = SipServer(agent, SystemClock(), refused=refused.append)
    async with server.listening("127.0.0.1", 0):
        state = Running(server, refused)

        async def take() -> None:
            async for call in server.calls():
                state.calls.put_nowait(call)

        taking = asyncio.create_task(take(), name="take")
        try:
            yield state
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


class Udp(asyncio.DatagramProtocol):
    """A caller's socket."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.put_nowait(data)


@dataclass
class Line:
    """A caller's way to the server: what it sends, and one whole message at a time back."""

    send: "asyncio.DatagramTransport | asyncio.StreamWriter"
    got: "asyncio.Queue[bytes]"

    def put(self, data: bytes) -> None:
        if isinstance(self.send, asyncio.StreamWriter):
            self.send.write(data)
        else:
            self.send.sendto(data)

    async def response(self) -> Response:
        message = parse(await asyncio.wait_for(self.got.get(), WAIT_S))
        assert isinstance(message, Response)
        return message

    async def status(self) -> int:
        return (await self.response()).status_code


@contextlib.asynccontextmanager
async def line(port: int, transport: str) -> AsyncIterator[Line]:
    if transport == "udp":
        loop = asyncio.get_running_loop()
        sender, protocol = await loop.create_datagram_endpoint(Udp, remote_addr=("127.0.0.1", port))
        try:
            yield Line(sender, protocol.got)
        finally:
            sender.close()
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def read() -> None:
        framer = Framer()
        while data := await reader.read(65_536):
            for message in framer.push(data):
                got.put_nowait(message)
        got.put_nowait(b"closed")

    reading = asyncio.create_task(read(), name="read")
    try:
        yield Line(writer, got)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


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


async def test_tcp_messages_may_come_in_pieces_and_together() -> None:
    first, second = Caller(call_id="one"), Caller(call_id="two")
    async with running() as state, line(state.server.port, "tcp") as way:
        data = b"\r\n\r\n" + first.text("OPTIONS") + second.text("OPTIONS")
        for start in range(0, len(data), 50):
            way.put(data[start : start + 50])
            await asyncio.sleep(0)
        answers = [await way.response(), await way.response()]
        assert [(a.status_code, a.call_id) for a in answers] == [(200, "one"), (200, "two")]


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 999999\r\n\r\n",
        b"x" * 40_000,
    ],
)
async def test_a_stream_that_cannot_be_cut_is_closed_and_others_go_on(data: bytes) -> None:
    async with running() as state, line(state.server.port, "tcp") as good, line(state.server.port, "tcp") as bad:
        bad.put(data)
        assert await asyncio.wait_for(bad.got.get(), WAIT_S) == b"closed"
        good.put(Caller().text("OPTIONS"))
        assert await good.status() == 200


async def test_one_host_cannot_take_every_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "MAX_CONNECTIONS_OF_HOST", 2)
    async with running() as state:
        async with line(state.server.port, "tcp") as one, line(state.server.port, "tcp") as two:
            for way in (one, two):
                way.put(Caller().text("OPTIONS"))
                assert await way.status() == 200
            async with line(state.server.port, "tcp") as third:
                assert await asyncio.wait_for(third.got.get(), WAIT_S) == b"closed"


async def test_a_silent_connection_without_a_call_is_closed_and_one_with_a_call_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shell, "IDLE_S", 0.2)
    caller = Caller()
    async with running() as state, line(state.server.port, "tcp") as busy, line(state.server.port, "tcp") as idle:
        busy.put(caller.invite())
        assert await busy.status() == 100
        assert await asyncio.wait_for(idle.got.get(), WAIT_S) == b"closed"
        await asyncio.sleep(0.5)
        busy.put(Caller(call_id="other").text("OPTIONS"))
        assert await busy.status() == 200


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
