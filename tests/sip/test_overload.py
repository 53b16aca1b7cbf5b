"""A gateway that is late with its work: new calls are refused at once, nothing is lost, and it recovers by itself."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallRefused
from voiceplane.sip.message import Response, parse
from voiceplane.sip.server import DATAGRAMS_A_READ, SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.testing.caller import Caller, statuses


def test_an_invite_that_comes_while_the_gateway_is_late_is_503_and_the_next_is_taken() -> None:
    caller = Caller()
    caller.agent.state.lag_s = 1.5
    (refused,) = caller.send(caller.invite())
    assert statuses([refused]) == [503] and refused.get_header("Retry-After") == "2"
    assert [event.reason for event in caller.events if isinstance(event, CallRefused)] == ["busy"]
    caller.agent.state.lag_s, caller.call_id = 0.01, "call-2"
    assert statuses(caller.send(caller.invite())) == [100]


def test_a_live_call_is_served_however_late_the_gateway_is() -> None:
    caller = Caller()
    caller.call()
    caller.agent.state.lag_s = 5.0
    assert statuses(caller.send(caller.text("UPDATE"))) == [200]
    assert statuses(caller.send(caller.text("BYE"))) == [200]


@contextmanager
def sending(port: int) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
        udp.connect(("127.0.0.1", port))
        udp.setblocking(False)
        yield udp


def answers(udp: socket.socket) -> list[Response]:
    found: list[Response] = []
    while True:
        try:
            message = parse(udp.recv(65_535))
        except BlockingIOError:
            return found
        assert isinstance(message, Response)
        found.append(message)


async def test_messages_that_wait_are_taken_together_not_one_a_turn_of_the_loop() -> None:
    server = SipServer(UserAgent(AgentSettings(port=0), Caller().agent.state.limits), SystemClock(), refused=print)
    async with server.listening("127.0.0.1", 0):
        with sending(server.port) as udp:
            for number in range(DATAGRAMS_A_READ):
                udp.send(Caller(call_id=f"call-{number}").text("OPTIONS", branch=f"z9hG4bK-{number}"))
            for _ in range(3):  # turns of the loop
                await asyncio.sleep(0)
            assert len(answers(udp)) == DATAGRAMS_A_READ


async def test_a_stalled_gateway_refuses_what_has_waited_and_then_answers_again() -> None:
    refused: list[CallRefused] = []
    server = SipServer(
        UserAgent(AgentSettings(port=0), Caller().agent.state.limits), SystemClock(), refused=refused.append
    )
    async with server.listening("127.0.0.1", 0):
        await asyncio.sleep(0.1)  # it runs
        with sending(server.port) as udp:
            for number in range(20):
                caller = Caller(call_id=f"late-{number}")
                udp.send(caller.text("INVITE", branch=f"z9hG4bK-late-{number}"))
            time.sleep(1.3)  # noqa: ASYNC251 the stall itself
            await asyncio.sleep(0.2)
            told = answers(udp)
            assert {answer.status_code for answer in told} == {503} and len(told) >= 20  # a refusal repeats until ACK
            assert {event.reason for event in refused} == {"busy"} and len(refused) == 20
            for number in range(50):  # it recovers with the next turn of the loop; a busy machine may need another
                udp.send(Caller(call_id=f"next-{number}").text("INVITE", branch=f"z9hG4bK-next-{number}"))
                await asyncio.sleep(0.1)
                if 100 in {answer.status_code for answer in answers(udp)}:
                    return
            raise AssertionError("no call was taken any more")
