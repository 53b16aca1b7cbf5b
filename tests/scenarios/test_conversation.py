"""Our own promises about the conversation and the example's, as `voiceplane test` runs them: every process is real."""

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = (Path(__file__).with_name("conversation.scenarios.yaml"), ROOT / "docs/examples/parcel-desk.scenarios.yaml")
EACH = [(file, scenario["name"]) for file in FILES for scenario in yaml.safe_load(file.read_text())["scenarios"]]
AGAIN = 3
RUN_S = 240  # a dozen calls, three at a time, and the stack's start


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a file: what it printed, and by scenario what was not met."""

    code: int
    printed: str
    failures: dict[str, list[str]]


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Ran]:
    """Return a function that runs a file once; its first test pays for it."""
    done: dict[Path, Ran] = {}

    def run(file: Path) -> Ran:
        if file not in done:
            done[file] = ran(file, tmp_path_factory.mktemp("conversation"), "--parallel", "3")
        return done[file]

    return run


def ran(file: Path, folder: Path, *options: str) -> Ran:
    """Run a file; the result is read from its JUnit report."""
    folder.mkdir(exist_ok=True)
    junit = folder / "junit.xml"
    command = [sys.executable, "-m", "voiceplane.cli", "test", str(file), *options]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        [*command, "--output", str(folder / "out"), "--junit", str(junit)],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env=os.environ | {"PATH": path, "XDG_STATE_HOME": str(folder / "state")},
        check=False,
    )
    assert junit.exists(), f"nothing was run ({ended.returncode}):\n{ended.stderr[-3000:]}"
    cases = xml.parse(junit).iter("testcase")
    failures = {
        str(case.get("name")): [f"{fault.get('message')}\n{fault.text or ''}" for fault in case.iter("failure")]
        for case in cases
    }
    return Ran(ended.returncode, ended.stdout, failures)


pytestmark = pytest.mark.timeout(RUN_S * (1 + AGAIN))


@pytest.mark.parametrize(("file", "name"), EACH, ids=[name for _, name in EACH])
def test_a_call_goes_as_its_scenario_says(file: Path, name: str, run_of: Callable[[Path], Ran], tmp_path: Path) -> None:
    run = run_of(file)
    if not run.failures[name]:
        return
    # Whisper tiny mishears one sentence in some dozens, the caller's or ours: such a call is placed again, alone.
    printed = [run.printed]
    for number in range(AGAIN):
        again = ran(file, tmp_path / str(number), "--only", name)
        printed.append(again.printed)
        if not again.failures[name]:
            return
    pytest.fail("each time:\n" + "\n".join(printed))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_the_exit_status_agrees_with_the_report(file: Path, run_of: Callable[[Path], Ran]) -> None:
    run = run_of(file)
    assert run.code == (1 if any(run.failures.values()) else 0), run.printed
