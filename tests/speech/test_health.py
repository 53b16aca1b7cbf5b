"""What the gateway and doctor learn of the speech models: the judge, the watch, a real broken model."""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.speech.triton import Triton

from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.environment import triton_environment
from voiceplane.speech.health import ModelState, ServerState, SpeechWatch, WatchSettings, compared, judge, shortened
from voiceplane.speech.profiles import load_profile
from voiceplane.speech.server import ServerSettings, command, write_repository

ALL = tuple(ModelState(name, True) for name in ("asr", "turn", "tts"))
GOOD = ServerState("one:8001", "", ALL)
AWAY = ServerState("two:8001", "does not answer")
NO_TURN = ServerState("three:8001", "", (*ALL[::2], ModelState("turn", False, "no such file")))
NO_TTS = ServerState("four:8001", "", ALL[:2])


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ((GOOD,), None),
        ((AWAY, GOOD), None),
        ((NO_TURN, NO_TTS), None),  # each has what the other lacks
        ((AWAY,), ["two:8001", "does not answer"]),
        ((NO_TURN,), ["turn at three:8001", "no such file"]),
        ((NO_TURN, AWAY), ["turn at three:8001: no such file", "turn at two:8001: does not answer"]),
        ((NO_TTS,), ["tts at four:8001", "not in its repository"]),
    ],
)
def test_speech_is_away_when_no_server_has_a_model(servers: tuple[ServerState, ...], words: list[str] | None) -> None:
    verdict = judge(servers)
    if words is None:
        assert verdict is None
    else:
        assert verdict is not None and all(word in verdict for word in words)


def test_a_model_that_is_not_the_profiles_is_not_ready_and_says_which_it_is() -> None:
    tiny, base = load_profile("cpu-small"), load_profile("cpu-base")
    served = ModelState("asr", True, "ready", tuple(tiny.digests["asr"].items()))
    assert compared(served, tiny.wanted("joe")["asr"]) is served
    other = compared(served, base.wanted("joe")["asr"])
    assert (other.ready, other.other) == (False, True)
    assert f"serves whisper-tiny-en sha256:{tiny.asr.digest[:16]}" in other.reason
    assert f"wants whisper-base sha256:{base.asr.digest[:16]}" in other.reason
    verdict = judge((ServerState("one:8001", "", (other, *ALL[1:])),))
    assert verdict is not None and "asr at one:8001: serves whisper-tiny-en" in verdict


def test_a_model_that_tells_no_digest_is_not_taken_for_the_right_one() -> None:
    silent = compared(ModelState("asr", True), load_profile("cpu-small").wanted("joe")["asr"])
    assert silent.other and "does not say which model it serves" in silent.reason


def test_more_voices_than_the_agents_own_do_no_harm_and_another_voice_of_its_name_does() -> None:
    joe = load_profile("cpu-small").voice("joe").digest
    assert compared(ModelState("tts", True, "", (("amy", "1"), ("joe", joe))), {"joe": joe}).ready
    assert not compared(ModelState("tts", True, "", (("joe", "1"),)), {"joe": joe}).ready


def test_a_reason_is_one_short_line_without_the_stack() -> None:
    reason = shortened("Internal: NoSuchFile: /nowhere\n  is not there\n\nAt:\n  model.py(3): initialize\n")
    assert reason == "Internal: NoSuchFile: /nowhere is not there"
    assert len(shortened("x" * 1000)) < 310


async def test_one_bad_answer_is_a_busy_server_two_are_believed_and_one_good_one_ends_it() -> None:
    answers = iter([(GOOD,), (AWAY,), (GOOD,), (AWAY,), (NO_TURN,), (AWAY,), (GOOD,)])
    told: list[str | None] = []
    seen: list[bool] = []
    over = asyncio.Event()

    async def look() -> tuple[ServerState, ...]:
        seen.append(watch.problem is not None)
        try:
            return next(answers)
        except StopIteration:
            over.set()
            await asyncio.Event().wait()
            raise

    async def changed(problem: str | None) -> None:
        told.append(problem)

    watch = SpeechWatch(look, changed, WatchSettings(every_s=0.0, every_s_while_away=0.0))
    await watch.begin()
    running = asyncio.create_task(watch.run())
    await asyncio.wait_for(over.wait(), 5)
    running.cancel()
    assert seen == [False, False, False, False, False, True, True, False]
    assert len(told) == 2 and told[0] is not None and "no such file" in told[0] and told[1] is None


async def test_a_first_bad_answer_is_believed_at_once() -> None:
    told: list[str | None] = []

    async def look() -> tuple[ServerState, ...]:
        return (AWAY,)

    async def changed(problem: str | None) -> None:
        told.append(problem)

    watch = SpeechWatch(look, changed)
    await watch.begin()
    assert watch.problem is not None and len(told) == 1


async def test_a_model_that_does_not_load_is_named_with_tritons_reason_while_the_others_serve(
    make_triton: Callable[[], Triton], tmp_path: Path
) -> None:
    triton = make_triton()
    ports = {name: int(triton.command[triton.command.index(f"--{name}-port") + 1]) for name in ("grpc", "http")}
    metrics = int(triton.command[triton.command.index("--metrics-port") + 1])
    repository = tmp_path / "repository"
    write_repository(load_profile("cpu-small"), repository)
    config = repository / "turn/config.pbtxt"
    model = str(load_profile("cpu-small").turn.file(".onnx"))
    config.write_text(config.read_text().replace(model, "/nowhere/turn.onnx"))
    settings = ServerSettings(grpc_port=ports["grpc"], http_port=ports["http"], metrics_port=metrics)
    triton.command = command(triton_environment(), repository, settings)
    triton.environment = triton_environment().variables(1)
    triton.start()
    await triton.until("asr", "tts")
    async with TritonSpeech((triton.endpoint,)) as speech:
        async with asyncio.timeout(30):
            while "nowhere" not in (verdict := judge(await speech.look()) or ""):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert "turn at" in verdict and "asr" not in verdict
        doctor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voiceplane.cli", "doctor", "--speech", triton.endpoint),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(doctor.communicate(), 60)
        lines = out.decode().splitlines()
        assert doctor.returncode == 1
        assert any(line.startswith("missing") and "turn" in line and "/nowhere/turn.onnx" in line for line in lines)
        assert any(line.startswith("ok") and "asr" in line and triton.endpoint in line for line in lines)
        triton.stop(signal.SIGKILL)
        (state,) = await speech.look()
        assert "does not answer" in state.problem
