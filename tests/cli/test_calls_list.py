"""`voiceplane calls` is read by people and by pipes: a narrow terminal cuts nothing."""

import argparse
import dataclasses
import io

import pytest
from rich.console import Console
from tests.records import samples

from voiceplane.cli import records_commands
from voiceplane.records.rows import CallRow


@pytest.mark.parametrize(("columns", "wide"), [(None, True), ("60", False)])
async def test_a_trace_in_a_pipe_is_not_cut_unless_its_width_is_told(
    columns: str | None, wide: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    console = records_commands._console()
    console.print("x" * 150, overflow="ellipsis", no_wrap=True)
    assert ("x" * 150 in capsys.readouterr().out) is wide


async def test_a_narrow_terminal_cuts_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    call = dataclasses.replace(samples.call(), call_id="4f" * 16, agent="support/parcel-desk", end_reason="too-long")

    async def one(records: str, limit: int) -> tuple[CallRow, ...]:
        return (call,)

    monkeypatch.setattr(records_commands, "read_calls", one)
    out = io.StringIO()
    options = argparse.Namespace(gateway="", limit=1)
    assert await records_commands._calls("127.0.0.1:9", options, Console(file=out, width=80)) == 0
    head, line = out.getvalue().splitlines()
    assert head.split() == ["call", "started", "agent", "outcome", "end", "turns", "length"]
    assert line.split()[0] == call.call_id
    assert call.agent in line.split() and call.end_reason in line.split() and "…" not in line
