"""Keys to the caller's side by the Calls service and `voiceplane press`, over real RTP, beside the agent's speech."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiortp.packet import RtpPacket, is_rtcp
from tests.call.joined import Joined, Planner, joined
from tests.waiting import until

from voiceplane.call.calls_service import CallsService
from voiceplane.cli.__main__ import main
from voiceplane.contract.dialogue import Say
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server
from voiceplane.testing.phone import Phone, PhoneCall, PhoneSettings

LONG = " ".join(["parcel"] * 50)  # 3 s


async def no_drain() -> None:
    return None


@contextlib.asynccontextmanager
async def operated(gateway: Joined) -> AsyncIterator[tuple[Any, str]]:
    """Serve the gateway's Calls; yield a stub and HOST:PORT."""
    service = CallsService(gateway.site.hub, drain=no_drain, draining=lambda: False)
    register = lambda server: calls_pb2_grpc.add_CallsServicer_to_server(service, server)  # noqa: E731
    async with (
        grpc_server.serve(register, host="127.0.0.1", port=0, grace_s=0.0) as server,
        grpc_server.channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield calls_pb2_grpc.CallsStub(channel), f"127.0.0.1:{server.port}"


async def pressed(call: PhoneCall, digits: str) -> None:
    """Wait until the phone has got these keys, and no others."""
    await until(lambda: len(call.media.digits) >= len(digits))
    assert "".join(call.media.digits) == digits


def wish(gateway: Joined, digits: str) -> calls_pb2.SendDigitsRequest:
    (live,) = gateway.site.hub.live()
    return calls_pb2.SendDigitsRequest(call_id=live.call_id, digits=digits)


async def test_keys_pause_the_agents_speech_and_every_word_of_it_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets: list[RtpPacket] = []
    desk = Planner({"0": (Say(LONG),)})
    async with joined(tmp_path, planner=desk) as gateway, operated(gateway) as (calls, _):
        async with Phone(gateway.target) as call:
            take = call.media.receive

            def tapped(data: bytes, arrived_at: float) -> None:
                if len(data) >= 12 and not is_rtcp(data):
                    packets.append(RtpPacket.parse(data))
                take(data, arrived_at)

            monkeypatch.setattr(call.media, "receive", tapped)
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("0#")
            await call.wait_for_agent_speech()
            await calls.SendDigits(wish(gateway, "12#"), timeout=5)
            await pressed(call, "12#")
            await call.wait_for_agent_silence(quiet_ms=1500)  # three keys take 0.7 s
            events, codec = call.media.event_type, call.media.codec.payload_type
        record = await gateway.record()
    assert [turn.text_pii for turn in record.turns if turn.speaker == "agent"] == ["Hello.", LONG]
    keys = [packet for packet in packets if packet.payload_type == events]
    downs = sorted({packet.timestamp for packet in keys})
    assert len(downs) == 3
    sound = {packet.timestamp for packet in packets if packet.payload_type == codec}
    assert any(at < downs[0] for at in sound) and any(at > downs[-1] for at in sound)
    for down in downs:  # RFC 4733 section 2.1: no speech of the time that an event covers
        assert not any(down <= at < down + 800 for at in sound)


async def test_keys_wait_for_the_end_of_a_hold(tmp_path: Path) -> None:
    async with joined(tmp_path) as gateway, operated(gateway) as (calls, _), Phone(gateway.target) as call:
        await call.wait_for_agent_silence(quiet_ms=300)
        await call.hold()
        await calls.SendDigits(wish(gateway, "*2"), timeout=5)
        await asyncio.sleep(0.4)
        assert call.media.digits == []
        await call.unhold()
        await pressed(call, "*2")


@pytest.mark.parametrize("digits", ["", "12x", "1 2", "1" * 65, "1\r\n"])
async def test_what_is_no_key_is_refused(tmp_path: Path, digits: str) -> None:
    async with joined(tmp_path) as gateway, operated(gateway) as (calls, _), Phone(gateway.target):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await calls.SendDigits(wish(gateway, digits), timeout=5)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "of 0123456789*#ABCD" in (refused.value.details() or "")


async def test_a_far_side_without_telephone_event_and_a_call_that_is_over_are_told(tmp_path: Path) -> None:
    async with joined(tmp_path) as gateway, operated(gateway) as (calls, _):
        async with Phone(gateway.target, PhoneSettings(telephone_event=False)):
            asked = wish(gateway, "1")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await calls.SendDigits(asked, timeout=5)
        await gateway.record()
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await calls.SendDigits(asked, timeout=5)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "did not offer telephone-event" in (refused.value.details() or "")
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND


async def test_an_operator_presses_keys_transfers_and_hangs_up_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with joined(tmp_path) as gateway, operated(gateway) as (_, target):

        async def voiceplane(*arguments: str) -> int:
            return await asyncio.to_thread(main, [*arguments, "--gateway", target])

        assert await voiceplane("press", "latest", "1") == 1
        assert "no call is live" in capsys.readouterr().err
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            (live,) = gateway.site.hub.live()
            assert await voiceplane("press", live.call_id[:6], "34#") == 0
            await pressed(call, "34#")
            assert await voiceplane("press", "zz", "1") == 1 and live.call_id in capsys.readouterr().err
            assert await voiceplane("press", "latest", "x") == 1 and "digits are" in capsys.readouterr().err
            assert await voiceplane("transfer", "latest", "queue") == 1
            assert "such as sip:queue@pbx.example" in capsys.readouterr().err
            assert await voiceplane("hangup", "latest") == 0
            await call.wait_ended()
        assert (await gateway.record()).end_reason == "operator"
