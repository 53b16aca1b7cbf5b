"""SIP over TCP on real loopback sockets: what a stream may bring, and what becomes of a call when it is gone."""

import asyncio

import pytest
from tests.sip.sockets import WAIT_S, Line, Running, line, listener, running

from voiceplane.sip import streams
from voiceplane.sip.events import Confirmed
from voiceplane.sip.incoming import IncomingCall
from voiceplane.sip.message import Request
from voiceplane.testing.caller import Caller


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
    monkeypatch.setattr(streams, "MAX_CONNECTIONS_OF_HOST", 2)
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
    monkeypatch.setattr(streams, "IDLE_S", 0.2)
    caller = Caller()
    async with running() as state, line(state.server.port, "tcp") as busy, line(state.server.port, "tcp") as idle:
        busy.put(caller.invite())
        assert await busy.status() == 100
        assert await asyncio.wait_for(idle.got.get(), WAIT_S) == b"closed"
        await asyncio.sleep(0.5)
        busy.put(Caller(call_id="other").text("OPTIONS"))
        assert await busy.status() == 200


FIREWALLED = 9  # the port that `unreachable` keeps silent


def over_tcp(data: bytes, port: int) -> bytes:
    """Say in Via that the caller listens on this port; its host stays 192.0.2.1, where nobody is."""
    return data.replace(b"SIP/2.0/UDP 192.0.2.1:5062", f"SIP/2.0/TCP 192.0.2.1:{port}".encode())


async def gone(caller: Caller, state: Running, port: int) -> IncomingCall:
    """Place a call over a connection that ends while it rings."""
    async with line(state.server.port, "tcp") as way:
        way.put(over_tcp(caller.invite(), port))
        assert await way.status() == 100
        call = await asyncio.wait_for(state.calls.get(), WAIT_S)
        await way.end()
    return call


async def confirmed(way: Line, caller: Caller, call: IncomingCall) -> None:
    ok = await way.response()
    assert ok.status_code == 200
    target = ok.to_addr
    caller.to_tag = (target.tag if target else "") or ""
    way.put(caller.text("ACK", cseq=1, branch="z9hG4bK-ack"))
    assert isinstance(await asyncio.wait_for(anext(call.events()), WAIT_S), Confirmed)


async def test_a_call_whose_connection_is_gone_goes_on_over_one_to_where_it_came_from_and_vias_port() -> None:
    caller = Caller()
    async with running() as state, listener() as at:
        call = await gone(caller, state, at.port)
        call.ring()
        call.accept("127.0.0.1", 20000)
        way = await at.line()
        assert await way.status() == 180
        await confirmed(way, caller, call)
        await way.end()
        call.hang_up()
        bye = await (await at.line()).message()
        assert isinstance(bye, Request) and bye.method == "BYE"
        assert at.came.empty()


async def test_a_caller_who_does_not_listen_is_let_go_and_others_are_served() -> None:
    async with running() as state, line(state.server.port, "tcp") as other:
        async with listener() as at:
            nobody = at.port
        call = await gone(Caller(), state, nobody)
        call.reject(486)
        other.put(Caller(call_id="other").text("OPTIONS"))
        assert await other.status() == 200
        assert state.server.active == 0


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[tuple[str, int]]":
    """Let no connection to FIREWALLED come about; return which were tried."""
    tried: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    real = asyncio.open_connection

    async def connect(host: str, port: int, limit: int = 65_536) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if port == FIREWALLED:
            tried.put_nowait((host, port))
            await asyncio.Event().wait()
        return await real(host, port, limit=limit)

    monkeypatch.setattr(asyncio, "open_connection", connect)
    return tried


async def test_a_connection_that_is_being_opened_counts_as_one_of_its_host(
    monkeypatch: pytest.MonkeyPatch, unreachable: "asyncio.Queue[tuple[str, int]]"
) -> None:
    monkeypatch.setattr(streams, "MAX_CONNECTIONS_OF_HOST", 1)
    monkeypatch.setattr(streams, "CONNECT_S", 60.0)
    async with running() as state:
        call = await gone(Caller(), state, FIREWALLED)
        call.ring()
        assert await asyncio.wait_for(unreachable.get(), WAIT_S) == ("127.0.0.1", FIREWALLED)
        call.accept("127.0.0.1", 20000)
        async with line(state.server.port, "tcp") as other:
            assert await asyncio.wait_for(other.got.get(), WAIT_S) == b"closed"
        assert unreachable.empty()


async def test_a_connection_that_does_not_come_about_is_given_up(
    monkeypatch: pytest.MonkeyPatch, unreachable: "asyncio.Queue[tuple[str, int]]"
) -> None:
    monkeypatch.setattr(streams, "MAX_CONNECTIONS_OF_HOST", 1)
    monkeypatch.setattr(streams, "CONNECT_S", 0.05)
    async with running() as state:
        call = await gone(Caller(), state, FIREWALLED)
        call.reject(486)
        await asyncio.wait_for(unreachable.get(), WAIT_S)
        async with asyncio.timeout(WAIT_S):
            while True:
                async with line(state.server.port, "tcp") as other:
                    other.put(Caller(call_id="other").text("OPTIONS"))
                    if await asyncio.wait_for(other.got.get(), WAIT_S) != b"closed":
                        return
