"""`voiceplane call` as a process of its own, against an answering phone; the voice is flite."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm
from voiceplane.testing.phone import AnsweringPhone, AnsweringSettings, CallEnded, PhoneCall
from voiceplane.testing.phone.audio import read_wav, write_wav

SERVICES = Path(__file__).parents[2] / "services"
needs_voice = pytest.mark.skipif(shutil.which("flite") is None, reason="apt-get install flite")


def tone(seconds: float) -> Pcm:
    times = np.arange(int(seconds * 16_000)) / 16_000
    return Pcm((8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes(), 16_000)


async def start(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": str(SERVICES), "XDG_STATE_HOME": str(folder)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voiceplane.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )


async def ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def voiceplane(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = await start(folder, *arguments)
    try:
        async with asyncio.timeout(50):
            out, err = await process.communicate()
    finally:
        await ended(process)
    return process.returncode or 0, out.decode(), err.decode()


async def greet_and_answer(answering: AnsweringPhone, turns: int) -> PhoneCall:
    agent = await answering.answered(30)
    await agent.say(tone(0.4))
    for _ in range(turns):
        await agent.wait_for_agent_silence(400)
        await agent.say(tone(0.4))
    return agent


@needs_voice
async def test_a_conversation_is_recorded_and_timed(tmp_path: Path) -> None:
    record = tmp_path / "call.wav"
    async with AnsweringPhone() as answering:
        agent = asyncio.create_task(greet_and_answer(answering, 2))
        status, out, err = await voiceplane(
            tmp_path, "call", answering.uri, "--say", "Where is it?", "--dtmf", "12#", "--say", "Thank you.",
            "--record", str(record), "--json", "--patience", "4",
        )  # fmt: skip
        agent.cancel()
    assert err == ""
    result = json.loads(out)
    assert [line["who"] for line in result["transcript"]][:2] == ["agent", "caller"]
    assert answering.call is not None and answering.call.media.digits == ["1", "2", "#"]
    assert len(result["turns"]) >= 1 and all(turn["latency_ms"] > 200 for turn in result["turns"])
    assert result["faults"] == [] and result["answered_after_ms"] < 2000
    assert read_wav(record).duration_ms > 2000
    # After the keys the agent stays silent, so the script does not reach its end.
    assert status == result["status"] == 5 and not result["finished_script"]


@needs_voice
async def test_a_whole_script_exits_with_zero(tmp_path: Path) -> None:
    sound = tmp_path / "question.wav"
    write_wav(sound, (np.frombuffer(tone(0.5).data, dtype="<i2"),), 16_000)
    async with AnsweringPhone() as answering:
        agent = asyncio.create_task(greet_and_answer(answering, 2))
        status, out, _ = await voiceplane(tmp_path, "call", answering.uri, "--play", str(sound), "--say", "Goodbye.")
        await agent
    assert status == 0
    assert "turn 1:" in out and "caller  Goodbye." in out


async def test_a_refused_call_exits_with_three_and_the_sip_status(tmp_path: Path) -> None:
    async with AnsweringPhone(AnsweringSettings(status=486)) as answering:
        status, out, _ = await voiceplane(tmp_path, "call", answering.uri, "--json")
    assert status == 3
    assert json.loads(out)["sip_status"] == 486


async def test_nobody_there_exits_with_three(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        target = f"sip:agent@127.0.0.1:{mute.getsockname()[1]}"
        status, _, err = await voiceplane(tmp_path, "call", target, "--timeout", "0.5")
    assert status == 3
    assert err.startswith(f"no answer in 0.5 s: nothing came from {target}; voiceplane dev prints the address")


async def test_a_target_that_is_not_reached_exits_with_three_and_says_why(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as deaf:  # bound, but it does not listen
        deaf.bind(("127.0.0.1", 0))
        target = f"sip:agent@127.0.0.1:{deaf.getsockname()[1]}"
        status, _, err = await voiceplane(tmp_path, "call", target, "--transport", "tcp", "--timeout", "2")
    assert (status, err) == (3, f"cannot reach {target}: connection refused\n")


async def test_a_mute_agent_exits_with_four(tmp_path: Path) -> None:
    async with AnsweringPhone() as answering:
        status, out, _ = await voiceplane(tmp_path, "call", answering.uri, "--patience", "0.5")
    assert status == 4
    assert "waited 0.5 s for the agent" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stopped_call_is_hung_up_and_its_recording_kept(tmp_path: Path, number: signal.Signals) -> None:
    record = tmp_path / "new" / "call.wav"
    async with AnsweringPhone() as answering:
        calling = await start(tmp_path, "call", answering.uri, "--record", str(record))
        try:
            async with asyncio.timeout(40):
                agent = await answering.answered(30)
                calling.send_signal(number)
                _, err = await calling.communicate()
                with pytest.raises(CallEnded):
                    await agent.wait_for_agent_speech()
        finally:
            await ended(calling)
    assert calling.returncode == 130
    assert err.decode() == "stopped\n"
    assert read_wav(record).sample_rate > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("call",), "no stack runs on this machine"),
        (("call", "tel:+1", "--timeout", "1"), "write the target as sip:"),
        (("call", "sip:a@127.0.0.1:70000"), "write the target as sip:"),
        (("call", "sip:a@127.0.0.1", "--codec", "opus"), "codecs are PCMU, PCMA, G722"),
        (("call", "sip:a@127.0.0.1", "--play", "/none.wav"), "cannot read /none.wav: no such file or directory; name"),
        (("call", "sip:a@127.0.0.1", "--play", __file__), "is no WAV file: save it as 16-bit PCM"),
        (("call", "sip:a@127.0.0.1", "--dtmf", "xyz"), "keys of 0-9 * # A-D, such as 456721#"),
        (("call", "sip:a@127.0.0.1", "--record", f"{__file__}/call.wav"), "call.wav: a file is where its folder"),
        (("call", "sip:a@127.0.0.1", "--patience", "nan"), "'nan' is no time in seconds, such as 20 or 0.5"),
        (("calls", "--limit", "-3"), "'-3' is no whole number from 1 to 1000"),
        (("trace",), "no stack runs on this machine"),
    ],
)
async def test_wrong_use_exits_with_two_and_says_what_is_right(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    status, _, err = await voiceplane(tmp_path, *arguments)
    assert status == 2
    assert message in err
