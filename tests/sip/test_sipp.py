"""SIPp, a caller that others wrote, against SipServer on real sockets. The scenarios are in sipp/."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.sip.sipp_runner import DEADLINE_S, run_sipp
from tests.waiting import until

from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallEnded, Confirmed, MediaChanged, ReferProgress
from voiceplane.sip.server import IncomingCall, SipServer
from voiceplane.sip.state import AgentSettings

ANSWER, RING, HANG_UP, TRANSFER, LATE = "answer", "ring", "hangup", "transfer", "late"  # what the called user does


class Ear(asyncio.DatagramProtocol):
    """Counts the RTP packets of one call."""

    def __init__(self) -> None:
        self.packets = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets += data[0] >> 6 == 2 and len(data) == 172  # RTP version 2, 20 ms of PCMU


@dataclass
class Answerer:
    """The call layer of these tests: answers by the called user's name and notes what happened."""

    port: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    directions: list[str] = field(default_factory=list)
    transfers: list[int] = field(default_factory=list)
    packets: list[int] = field(default_factory=list)
    most_active: int = 0

    async def answer(self, call: IncomingCall, server: SipServer) -> None:
        self.most_active = max(self.most_active, server.active)
        loop = asyncio.get_running_loop()
        transport, ear = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
        try:
            call.ring()
            if call.offered.called != RING:
                await asyncio.sleep(0.3 if call.offered.called == LATE else 0)
                call.accept(*transport.get_extra_info("sockname")[:2])
            async for event in call.events():
                self.follow(call, event)
        finally:
            self.packets.append(ear.packets)
            transport.close()

    def follow(self, call: IncomingCall, event: Confirmed | MediaChanged | CallEnded | ReferProgress) -> None:
        match event:
            case Confirmed() if call.offered.called == HANG_UP:
                call.hang_up()
            case Confirmed() if call.offered.called == TRANSFER:
                call.refer("sip:queue@pbx.example", "wants a person")
            case MediaChanged(agreed=agreed):
                self.directions.append(agreed.direction)
            case ReferProgress(status=status, final=final):
                self.transfers.append(status)
                if final:
                    call.hang_up()
            case CallEnded(reason=reason):
                self.ends[reason] += 1


@contextlib.asynccontextmanager
async def answering(limits: Limits | None = None) -> AsyncIterator[Answerer]:
    answerer = Answerer()
    agent = UserAgent(AgentSettings(port=0), limits or Limits())
    server = SipServer(agent, SystemClock(), refused=lambda event: None)
    async with server.listening("127.0.0.1", 0), asyncio.TaskGroup() as tasks:
        answerer.port = server.port

        async def take() -> None:
            async for call in server.calls():
                tasks.create_task(answerer.answer(call, server), name="call")

        taking = tasks.create_task(take(), name="take")
        yield answerer
        await until(lambda: not server.active, within_s=DEADLINE_S)
        await asyncio.sleep(0.05)
        taking.cancel()


async def sipp(answerer: Answerer, scenario: str, folder: Path, *options: str, service: str = ANSWER) -> None:
    await run_sipp(f"127.0.0.1:{answerer.port}", scenario, folder, *options, service=service)


def write_speech(folder: Path) -> None:
    """One second of a PCMU square wave of 400 Hz, which SIPp repeats."""
    (folder / "speech.ulaw").write_bytes((b"\x20" * 10 + b"\xa0" * 10) * 400)


@pytest.mark.parametrize(
    ("scenario", "service", "end"),
    [
        ("offerless.xml", ANSWER, "bye"),
        ("cancel.xml", RING, "cancelled"),
        ("cancel_race.xml", ANSWER, "bye"),
        ("session_timer.xml", ANSWER, "bye"),
        ("called_side_hangs_up.xml", HANG_UP, "local"),
        ("malformed.xml", ANSWER, "bye"),
    ],
)
@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_a_scenario_goes_as_written(
    scenario: str, service: str, end: str, transport: str, tmp_path: Path
) -> None:
    async with answering() as answerer:
        await sipp(answerer, scenario, tmp_path, "-t", transport, service=service)
    assert answerer.ends == {end: 1}


async def test_hold_inactive_and_resume_reach_the_call(tmp_path: Path) -> None:
    async with answering() as answerer:
        await sipp(answerer, "hold.xml", tmp_path)
    assert answerer.directions == ["recvonly", "inactive", "sendrecv"]
    assert answerer.ends == {"bye": 1}


async def test_a_transfer_is_followed_to_its_end(tmp_path: Path) -> None:
    async with answering() as answerer:
        await sipp(answerer, "refer.xml", tmp_path, service=TRANSFER)
    assert answerer.transfers == [100, 100, 200]
    assert answerer.ends == {"local": 1}


async def test_repeated_requests_open_one_call_and_the_200_repeats_until_the_late_ack(tmp_path: Path) -> None:
    async with answering() as answerer:
        await sipp(answerer, "retransmission.xml", tmp_path, "-nr", service=LATE)
    assert answerer.ends == {"bye": 1}


async def test_many_calls_with_rtp_at_once_are_all_answered(tmp_path: Path) -> None:
    write_speech(tmp_path)
    async with answering() as answerer:
        await sipp(answerer, "call_with_rtp.xml", tmp_path, "-m", "40", "-r", "20", "-d", "1500")
    assert answerer.ends == {"bye": 40}
    assert len(answerer.packets) == 40
    assert min(answerer.packets) > 20, sorted(answerer.packets)


async def test_more_calls_than_the_limit_are_503_and_the_others_are_answered(tmp_path: Path) -> None:
    write_speech(tmp_path)
    async with answering(Limits(max_calls=1)) as answerer:
        with pytest.raises(AssertionError, match="SIP/2.0 503"):
            await sipp(answerer, "call_with_rtp.xml", tmp_path, "-m", "3", "-r", "100", "-d", "1000")
    assert answerer.ends == {"bye": 1}
    assert answerer.most_active == 1
