"""What SDP agreed is what the call's media use, through the whole join."""

from pathlib import Path

import pytest
from tests.call.joined import joined

from voiceplane.testing.phone import Phone, PhoneSettings


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
async def test_a_codec_under_a_dynamic_payload_type_is_heard_both_ways(tmp_path: Path, codec: str) -> None:
    async with joined(tmp_path, media_timeout_s=1.0) as gateway:
        settings = PhoneSettings(codecs=(codec,), payload_type=109)
        async with Phone(gateway.target, settings) as call:
            await call.wait_for_agent_silence(quiet_ms=200)
            await call.dtmf("1#")
            await call.wait_for_agent_silence(quiet_ms=400)
        record = await gateway.record()
    assert (record.end_reason, record.quality.codec) == ("caller-hung-up", codec)
    assert record.quality.packets_received > 50
