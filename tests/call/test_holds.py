"""The caller keeps us on hold, through the whole join: nothing is counted, asked or heard meanwhile."""

import asyncio
from pathlib import Path

import numpy as np
from tests.call.joined import Planner, joined

from voiceplane.call.patience import Patience
from voiceplane.contract.audio import Pcm
from voiceplane.contract.dialogue import Say
from voiceplane.testing.phone import Phone, PhoneSettings

MUSIC = Pcm((8000 * np.sin(np.arange(32_000) * 0.2)).astype("<i2").tobytes(), 16_000)


async def test_a_caller_who_comes_back_from_a_hold_is_not_asked_whether_he_is_there(tmp_path: Path) -> None:
    async with joined(tmp_path, media_timeout_s=1.0) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.hold()
            call.media.sending = True  # music on hold
            recognized = gateway.speech.recognized
            await call.say(MUSIC)
            await asyncio.sleep(3.0)  # silence is asked about after 2 s, and twice as long ends the call
            assert gateway.speech.recognized == recognized
            before = call.media.sounds
            await call.unhold()
            await asyncio.sleep(0.8)
            assert call.media.sounds == before
            await call.dtmf("7#")
            await call.wait_for_agent_silence(quiet_ms=300)
        record = await gateway.record()
    said = [(turn.speaker, turn.text_pii) for turn in record.turns]
    assert said == [("agent", "Hello."), ("caller", "7"), ("agent", "Yes.")]
    assert record.end_reason == "caller-hung-up"


async def test_a_long_reply_waits_on_hold_and_is_heard_to_its_end(tmp_path: Path) -> None:
    long = " ".join(["parcel"] * 300)  # 18 s: more than playout queues
    planner = Planner({"1": (Say(f"{long}."),)})
    patience = Patience(bridge_s=0.8, trouble_s=0.9, give_up_s=8.0)
    async with joined(tmp_path, planner=planner, patience=patience) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("1#")
            await call.wait_for_agent_speech()
            await call.hold()
            await asyncio.sleep(4.0)
            await call.unhold()
            await asyncio.sleep(1.0)  # it speaks again
            await call.wait_for_agent_silence(quiet_ms=500)
        record = await gateway.record()
    assert record.turns[-1].text_pii.count("parcel") == 300


async def test_a_caller_who_never_comes_back_does_not_keep_the_place(tmp_path: Path) -> None:
    async with joined(tmp_path, longest_hold_s=0.5) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.hold()
            await call.wait_ended()
            assert call.facts.ended_by == "them"
        record = await gateway.record()
    assert record.end_reason == "held-too-long"


async def test_a_call_that_begins_on_hold_hears_the_opening_when_it_is_taken_off(tmp_path: Path) -> None:
    async with joined(tmp_path, media_timeout_s=1.0) as gateway:
        async with Phone(gateway.target, PhoneSettings(held=True)) as call:
            await asyncio.sleep(1.5)
            assert call.media.received == 0
            await call.unhold()
            await call.wait_for_agent_silence(quiet_ms=300)
        record = await gateway.record()
    assert [(turn.speaker, turn.text_pii) for turn in record.turns] == [("agent", "Hello.")]
    assert record.end_reason == "caller-hung-up"
