"""The demo says in one line why a call failed; nothing of it is a traceback or an empty line."""

import argparse
import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from voiceplane.cli import demo
from voiceplane.cli.state import Endpoints
from voiceplane.records.errors import NoSuchCallError
from voiceplane.speech.errors import SpeechError
from voiceplane.testing.phone import CallRefused

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
NOWHERE = "127.0.0.1:9"


@pytest.fixture
def fails_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Return a function that makes the demo's call fail; its stack is not started."""

    @contextlib.asynccontextmanager
    async def stack(*_: object) -> AsyncIterator[Endpoints]:
        yield Endpoints(0, "", f"sip:a@{NOWHERE}", NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE)

    @contextlib.asynccontextmanager
    async def speech(_: str) -> AsyncIterator[object]:
        yield object()

    def make(error: Exception) -> None:
        async def hold(*_: object, record: Path) -> None:
            raise error

        monkeypatch.setattr(demo, "hold", hold)

    monkeypatch.setattr(demo, "install", lambda profiles: None)
    monkeypatch.setattr(demo, "running_stack", stack)
    monkeypatch.setattr(demo, "open_speech", speech)
    return make


@pytest.mark.parametrize("error", [CallRefused(503, "Service Unavailable"), SpeechError("no answer within 5 s")])
def test_a_call_that_fails_is_told_in_one_line(
    error: Exception, fails_with: Callable[[Exception], None], capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(error)
    assert demo.run(argparse.Namespace(agent=AGENT, say=None, parcel=demo.PARCEL)) == 1
    told = capsys.readouterr().err
    assert f"the call failed: {error}\nlogs: " in told and "Traceback" not in told


def test_ctrl_c_is_taken_note_of_while_the_stack_stops(
    fails_with: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def pressed(*_: object, record: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    fails_with(AssertionError())
    monkeypatch.setattr(demo, "hold", pressed)
    assert demo.run(argparse.Namespace(agent=AGENT, say=None, parcel=demo.PARCEL)) == 130
    assert "stopping\n" in capsys.readouterr().err


async def test_a_record_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(target: str, call_id: str) -> None:
        raise NoSuchCallError("no call fits this id")

    monkeypatch.setattr(demo, "read_call", none)
    monkeypatch.setattr(demo, "RECORD_WAIT_S", 0.05)
    with pytest.raises(demo.NoRecordError, match="no record of call abc came"):
        await demo._record(NOWHERE, "abc")


@pytest.mark.parametrize(
    ("kind", "facts", "line"),
    [
        ("state", {"state": "listening"}, "state listening"),
        ("heard", {"pii.text": "Where is it?"}, 'heard "Where is it?"'),
        ("tool", {"tool": "parcel-status", "outcome": "ok"}, "tool parcel-status outcome ok"),
        ("ended", {"reason": "caller-hung-up"}, "ended reason caller-hung-up"),
        (
            "said",
            {"pii.text": "Six.", "interrupted": "false", "ms.first_audio": "644.3", "ms.planned": "358.3"},
            'said "Six." (first sound after 644 ms)',
        ),
        ("said", {"pii.text": "Si", "interrupted": "true"}, 'said "Si" until the caller spoke'),
    ],
)
def test_what_the_gateway_tells_is_a_line_for_people(kind: str, facts: dict[str, str], line: str) -> None:
    assert demo.event_line(kind, facts) == line
