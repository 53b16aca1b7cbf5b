"""The end of a SipServer: what is admitted is answered, what is under way is finished."""

import asyncio

from tests.sip.sockets import WAIT_S, line, running

from voiceplane.sip.message import Request, parse
from voiceplane.testing.caller import Caller


async def test_a_server_is_not_idle_while_an_admitted_call_waits_to_be_taken() -> None:
    caller = Caller()
    async with running() as state, line(state.server.port, "udp") as way:
        await asyncio.wait_for(state.server.idle(), WAIT_S)
        way.put(caller.invite())
        assert await way.status() == 100
        waiting = asyncio.create_task(state.server.idle())
        call = await asyncio.wait_for(state.calls.get(), WAIT_S)
        assert not waiting.done()
        call.reject(503, retry_after_s=5)
        await asyncio.wait_for(waiting, WAIT_S)
        assert await way.status() == 503


async def test_a_bye_that_was_lost_is_sent_again_before_the_server_goes() -> None:
    caller = Caller()
    async with running() as state, line(state.server.port, "udp") as way:
        way.put(caller.invite())
        assert await way.status() == 100
        call = await asyncio.wait_for(state.calls.get(), WAIT_S)
        call.accept("127.0.0.1", 20000)
        target = (await way.response()).to_addr
        caller.to_tag = (target.tag if target else "") or ""
        way.put(caller.text("ACK", cseq=1, branch="z9hG4bK-ack"))
        call_events = call.events()
        await asyncio.wait_for(anext(call_events), WAIT_S)
        call.hang_up()
        first = await asyncio.wait_for(way.got.get(), WAIT_S)
        lingering = asyncio.create_task(state.server.linger())
        again = await asyncio.wait_for(way.got.get(), WAIT_S)
        assert first == again and not lingering.done()
        bye = parse(again)
        assert isinstance(bye, Request) and bye.method == "BYE"
        head = "".join(f"{name}: {bye.get_header(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        way.put(f"SIP/2.0 200 OK\r\n{head}Content-Length: 0\r\n\r\n".encode())
        await asyncio.wait_for(lingering, WAIT_S)


async def test_a_server_that_had_no_request_goes_at_once() -> None:
    async with running() as state:
        lingering = asyncio.create_task(state.server.linger())
        await asyncio.sleep(0)
        assert lingering.done()
