"""A real Triton that serves another profile than the agent's: the gateway does not open, and doctor says why."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.speech.gateway import AGENT, Gateway, start_gateway, stop_gateway

from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.errors import SpeechUnavailableError
from voiceplane.speech.profiles import load_profile

pytestmark = pytest.mark.asyncio(loop_scope="session")
SMALL, BASE = load_profile("cpu-small"), load_profile("cpu-base")


async def test_a_gateway_whose_profile_is_not_served_says_which_models_differ_and_takes_no_call(
    endpoint: str, tmp_path: Path
) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(AGENT.read_text().replace("profile: cpu-small", "profile: cpu-base"))
    gateway = start_gateway(endpoint, tmp_path, agent=agent)
    try:
        told = await gateway.until_says(lambda _, body: "whisper" in body)
        assert f"asr at {endpoint}: serves whisper-tiny-en sha256:{SMALL.asr.digest[:16]}" in told
        assert f"wants whisper-base sha256:{BASE.asr.digest[:16]}" in told
        assert "turn at" not in told and "tts at" not in told
        assert "503" in (await gateway.options()).splitlines()[0]
    finally:
        stop_gateway(gateway)


async def test_a_gateway_on_the_profile_that_is_served_opens(
    endpoint: str, gateway_beside: Callable[[str], Gateway]
) -> None:
    gateway = gateway_beside(endpoint)
    await gateway.until(ready=True)


async def test_no_request_goes_to_a_server_with_another_model(endpoint: str) -> None:
    async with TritonSpeech((endpoint,), wanted=BASE.wanted("joe")) as speech:
        await speech.look()
        with pytest.raises(SpeechUnavailableError):
            await speech.recognize(bytes(32_000))
        assert 0.0 <= (await speech.end_probability(bytes(32_000))).probability <= 1.0  # turn is the same in both


@pytest.mark.parametrize(("profile", "verdict"), [("cpu-small", "ok"), ("cpu-base", "missing")])
async def test_doctor_holds_what_is_served_against_a_profile(endpoint: str, profile: str, verdict: str) -> None:
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voiceplane.cli", "doctor", "--speech", endpoint, "--profile", profile),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(doctor.communicate(), 60)
    lines = out.decode().splitlines()
    (line,) = [line for line in lines if " speech asr " in line]
    assert line.startswith(verdict) and f"whisper-tiny-en sha256:{SMALL.asr.digest[:16]}" in line
    assert ("wants whisper-base" in line) is (profile == "cpu-base")
    (second,) = [line for line in lines if " speech asr_second " in line]
    assert second.startswith("ok") and f"whisper-base sha256:{BASE.asr.digest[:16]}" in second
