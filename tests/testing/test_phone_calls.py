"""Phone against phone over real sockets of the loopback."""

import asyncio

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm
from voiceplane.testing.phone import (
    AnsweringPhone,
    AnsweringSettings,
    CallEnded,
    CallNotAnswered,
    CallRefused,
    NoAgentAudio,
    Phone,
    PhoneSettings,
    TransferPolicy,
)
from voiceplane.testing.phone.audio import read_wav
from voiceplane.testing.phone.sdp import Direction


def tone(seconds: float, rate: int = 16_000, amplitude: int = 8000) -> Pcm:
    times = np.arange(int(seconds * rate)) / rate
    return Pcm((amplitude * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes(), rate)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_both_sides_hear_each_other_on_every_codec(codec: str) -> None:
    async with AnsweringPhone() as answering, Phone(answering.uri, PhoneSettings(codecs=(codec,))) as call:
        agent = await answering.answered()
        await agent.say(tone(0.5))
        await call.wait_for_agent_silence(quiet_ms=200)
        await call.say(tone(0.5))
        await agent.wait_for_agent_silence(quiet_ms=200)
        await agent.say(tone(0.5))
        await call.wait_for_agent_silence(quiet_ms=200)
        await call.hang_up()
        await agent.wait_ended(2)
        assert call.media.codec.name == codec
        assert call.leg.faults == agent.leg.faults == []
        [timing] = call.timings()
        assert timing.latency_ms > 150
        assert call.media.lost == 0
        assert agent.facts.ended_by == "them"


async def test_recording_has_the_caller_left_and_the_agent_right_on_one_timeline(tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with AnsweringPhone() as answering, Phone(answering.uri) as call:
        agent = await answering.answered()
        await agent.say(tone(0.3))
        await call.say(tone(0.3, amplitude=4000))
        await asyncio.sleep(0.1)
        call.recording.save(tmp_path / "call.wav")
        both = read_wav(tmp_path / "call.wav")
        assert both.sample_rate == 8000
        assert both.duration_ms >= 600
        first = call.first_agent_audio_ms()
        assert first is not None and first < 5000


async def test_keys_pressed_arrive_once_each() -> None:
    async with AnsweringPhone() as answering, Phone(answering.uri) as call:
        agent = await answering.answered()
        await call.dtmf("12#0")
        await asyncio.sleep(0.1)
        assert agent.media.digits == ["1", "2", "#", "0"]


async def test_a_held_agent_is_told_and_answers_the_mirrored_direction() -> None:
    async with AnsweringPhone() as answering, Phone(answering.uri) as call:
        agent = await answering.answered()
        assert await call.hold() is Direction.RECEIVE
        assert not agent.media.sending
        assert await call.unhold() is Direction.BOTH
        assert agent.media.sending
        assert agent.facts.reinvites == [Direction.SEND, Direction.BOTH]
        assert call.leg.faults == agent.leg.faults == []


async def test_an_invite_without_an_offer_is_answered_in_the_ack() -> None:
    settings = PhoneSettings(codecs=("PCMA",), offer=False)
    async with AnsweringPhone() as answering, Phone(answering.uri, settings) as call:
        agent = await answering.answered()
        assert agent.media.codec.name == "PCMA"
        await agent.say(tone(0.3))
        await call.wait_for_agent_speech(2)


async def test_a_refused_call_says_with_which_status() -> None:
    async with AnsweringPhone(AnsweringSettings(status=486)) as answering:
        with pytest.raises(CallRefused) as refusal:
            async with Phone(answering.uri):
                pass
        assert refusal.value.status == 486


async def test_a_call_that_only_rings_is_cancelled() -> None:
    async with AnsweringPhone(AnsweringSettings(status=180)) as answering:
        with pytest.raises(CallNotAnswered):
            async with Phone(answering.uri, PhoneSettings(ring_timeout_s=0.3)):
                pass
        assert answering.cancelled.is_set()


async def test_cancelling_a_ringing_call_ends_in_487() -> None:
    async with AnsweringPhone(AnsweringSettings(status=180)) as answering:
        phone = await Phone(answering.uri).dial()
        await asyncio.sleep(0.1)
        assert await phone.cancel() == 487
        await phone.close()


async def test_a_call_without_a_shared_codec_is_refused_with_488() -> None:
    async with AnsweringPhone(AnsweringSettings(codecs=("PCMA",))) as answering:
        with pytest.raises(CallRefused, match="488"):
            async with Phone(answering.uri, PhoneSettings(codecs=("G722",))):
                pass


async def test_a_silent_agent_is_reported() -> None:
    async with AnsweringPhone() as answering, Phone(answering.uri) as call:
        await answering.answered()
        with pytest.raises(NoAgentAudio):
            await call.wait_for_agent_speech(0.3)


async def test_an_agent_that_hangs_up_ends_the_script() -> None:
    async with AnsweringPhone() as answering, Phone(answering.uri) as call:
        agent = await answering.answered()
        await agent.hang_up()
        await call.wait_ended(2)
        assert call.facts.ended_by == "them"
        with pytest.raises(CallEnded):
            await call.say(tone(0.1))


async def test_a_transfer_is_accepted_reported_and_left() -> None:
    transfers = TransferPolicy()
    async with AnsweringPhone() as answering, Phone(answering.uri, PhoneSettings(transfers=transfers)) as call:
        agent = await answering.answered()
        reports: list[str] = []
        answer = agent.leg.on_request

        def listen(request) -> None:  # type: ignore[no-untyped-def]
            if request.method == "NOTIFY":
                reports.append(request.text.strip())
            answer(request)

        agent.leg.on_request = listen
        response = await agent.leg.request("REFER", headers=(("Refer-To", "<sip:queue@pbx.example>"),))
        assert response.status_code == 202
        await agent.wait_ended(3)
        assert call.facts.refer_to == "sip:queue@pbx.example"
        assert reports == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]


async def test_a_lost_ack_is_sent_again_when_the_answer_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AnsweringPhone() as answering:
        phone = Phone(answering.uri)
        await phone.dial()
        wire = phone._wire
        assert wire is not None
        send, dropped = wire.send, list[bytes]()

        def lossy(data: bytes, to: tuple[str, int]) -> None:
            if data.startswith(b"ACK") and not dropped:
                dropped.append(data)
                return
            send(data, to)

        monkeypatch.setattr(wire, "send", lossy)
        await phone.answered()
        agent = await answering.answered(3)
        assert len(dropped) == 1 and agent.leg.faults == []
        await phone.close()


async def test_a_lost_invite_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with AnsweringPhone() as answering:
        receive, dropped = answering._receive, list[object]()

        def lossy(message, source) -> None:  # type: ignore[no-untyped-def]
            if not dropped:
                dropped.append(message)
                return
            receive(message, source)

        assert answering._wire is not None
        monkeypatch.setattr(answering._wire, "_receive", lossy)
        async with Phone(answering.uri) as call:
            await answering.answered()
            assert call.facts.answered_after_ms is not None and call.facts.answered_after_ms >= 450
