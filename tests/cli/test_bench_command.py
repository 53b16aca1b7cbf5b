"""The command around the suites: what one suite's failure leaves of the rest."""

import argparse
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voiceplane.cli import bench_command
from voiceplane.cli.bench_place import AGENT
from voiceplane.cli.validate import read_bundle
from voiceplane.testing.bench.lines import Line
from voiceplane.testing.phone.audio import write_wav


async def broken(*_: object) -> list[Line]:
    raise TimeoutError("the metrics page did not answer")


async def fine(*_: object) -> list[Line]:
    return [Line("waits", "ms", (1.0,))]


@contextlib.asynccontextmanager
async def place(*_: object) -> AsyncIterator[tuple[Any, Any]]:
    yield None, None


def test_a_suite_that_fails_leaves_the_others_and_ends_with_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_command, "SUITES", {"first": fine, "second": broken, "third": fine})
    monkeypatch.setattr(bench_command, "open_place", place)
    parser = argparse.ArgumentParser()
    bench_command.add(parser.add_subparsers())
    options = parser.parse_args(["bench", "--json", str(tmp_path / "out.json"), "--output", str(tmp_path)])
    assert bench_command.run(options) == 1
    assert list(json.loads((tmp_path / "out.json").read_text())["suites"]) == ["first", "third"]
    assert "not measured: second" in capsys.readouterr().err


def test_an_agent_of_ones_own_goes_with_ones_own_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[Path] = []

    @contextlib.asynccontextmanager
    async def own(folder: Path, tell: object, agent: Path) -> AsyncIterator[tuple[Any, Any]]:
        opened.append(agent)
        raise OSError("no further")
        yield

    monkeypatch.setattr(bench_command, "open_place", own)
    write_wav(tmp_path / "one.wav", (np.zeros(8000, np.int16),), 8000)
    (tmp_path / "recordings.csv").write_text("file,end_ms,pauses_ms,digits,words\none.wav,900,,0,hello\n")
    (tmp_path / "agent.yaml").write_text(AGENT.read_text())
    parser = argparse.ArgumentParser()
    bench_command.add(parser.add_subparsers())
    agent = ["--agent", str(tmp_path / "agent.yaml"), "--output", str(tmp_path)]
    assert bench_command.run(parser.parse_args(["bench", "turns", *agent])) == 2
    assert "--recordings" in capsys.readouterr().err
    assert bench_command.run(parser.parse_args(["bench", "turns", "--recordings", str(tmp_path), *agent])) == 1
    assert opened == [tmp_path / "agent.yaml"]


def test_another_profile_changes_nothing_else_of_the_benchs_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs: list[dict[str, Any]] = []

    @contextlib.asynccontextmanager
    async def own(_folder: Path, _tell: object, agent: Path) -> AsyncIterator[tuple[Any, Any]]:
        specs.append(read_bundle(str(agent)).agent.spec.model_dump())
        raise OSError("no further")
        yield

    monkeypatch.setattr(bench_command, "open_place", own)
    parser = argparse.ArgumentParser()
    bench_command.add(parser.add_subparsers())
    for profile in ([], ["--profile", "cpu-base"]):
        assert bench_command.run(parser.parse_args(["bench", "--output", str(tmp_path), *profile])) == 1
    assert [spec["voice"].pop("profile") for spec in specs] == ["cpu-small", "cpu-base"]
    assert specs[0] == specs[1]
