"""`voiceplane test` as its users run it: the whole stack, real calls, an exit status, files."""

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRIES = 3  # whisper tiny mishears one sentence in some dozens, and these tests are of what is told of a call
SCENARIOS = """
agent: {agent}
patience: 45s
scenarios:
  - name: the parcel is found
    steps:
      - say: "Hi, I would like to know where my package is."
        expect: {{heard: "six digit"}}
      - dtmf: "456721#"
        expect: {{heard: "out for delivery", within_ms: 20000}}
    expect:
      tools: {{name: parcel-status, times: 1}}
      outcome: completed
      absent: {{tools: reschedule}}
  - name: an elephant is promised
    voice: slt
    steps:
      - play: hours.wav
        expect: {{heard: "from eight"}}
      - hang_up: true
        after: agent start + 2500ms
    expect: {{heard: "a purple elephant", tools: reschedule, end: caller-hung-up}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("scenarios")
    file = folder / "two.yaml"
    file.write_text(SCENARIOS.format(agent=ROOT / "docs/examples/parcel-desk.yaml"))
    said = ["flite", "-voice", "slt", "-t", "What are your opening hours?", "-o", str(folder / "hours.wav")]
    subprocess.run(said, check=True, timeout=20)
    command = [sys.executable, "-m", "voiceplane.cli", "test", str(file), "--output", str(folder / "out")]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "XDG_STATE_HOME": str(folder / "state")}
    for _ in range(TRIES):
        ended = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
        if not misheard(ended.stdout):
            break
    return ended, folder


def misheard(printed: str) -> bool:
    """Say whether a step failed that is to pass: the caller or the agent was taken to have said something else."""
    kept = "“six digit”", "“out for delivery”", "“from eight”"
    return any(f"expected that {words} is heard" in printed for words in kept)


@pytest.mark.timeout(240 * TRIES)
def test_a_kept_promise_passes_and_a_broken_one_fails(
    ran: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    ended, folder = ran
    assert ended.returncode == 1, ended.stderr[-3000:]
    assert "passed  the parcel is found" in ended.stdout, ended.stdout
    assert "FAILED  an elephant is promised" in ended.stdout
    assert "expected that “a purple elephant” is heard; heard:" in ended.stdout
    cases = {case.get("name"): case for case in xml.parse(folder / "out/junit.xml").iter("testcase")}
    assert cases["the parcel is found"].find("failure") is None
    assert f"listen: {folder / 'out/02.wav'}" in ended.stdout
    failure = cases["an elephant is promised"].find("failure")
    assert failure is not None and (failure.get("message") or "").endswith("(and 1 more)")


def test_the_report_has_sound_and_picture_of_each_call(ran: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    out = ran[1] / "out"
    assert {path.name for path in out.iterdir()} >= {"report.html", "junit.xml", "01.svg", "02.svg", "01.wav", "02.wav"}
    picture = (out / "01.svg").read_text()
    assert "parcel-status: ok" in picture and "presses 456721#" in picture


def test_a_mistake_in_the_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("scenarios:\n  - name: a\n    steps:\n      - {shout: hi}\n")
    command = [sys.executable, "-m", "voiceplane.cli", "test", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert f"{file}:4: scenarios[0].steps[0].shout: unknown field" in ended.stderr


def test_tools_cannot_be_judged_without_the_record(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("scenarios:\n  - {name: a, steps: [{say: hi}], expect: {outcome: completed}}\n")
    command = [sys.executable, "-m", "voiceplane.cli", "test", str(file), "--sip", "sip:a@127.0.0.1:9"]
    ended = subprocess.run(
        [*command, "--speech", "127.0.0.1:9"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "--records HOST:PORT" in ended.stderr
