"""A command whose process does not answer says which, where, and what to do; gRPC's own words help nobody."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from voiceplane.cli import __main__, live_commands, records_commands
from voiceplane.cli.state import Endpoints, stack_folder, write_endpoints
from voiceplane.records import client

OF_RECORDS = (("trace",), ("record",), ("calls",))
OF_GATEWAY = (("press", "latest", "1"), ("transfer", "latest", "sip:queue@pbx.example"), ("hangup", "latest"))


@pytest.fixture(autouse=True)
def no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens while the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def stuck() -> Iterator[str]:
    """An address where somebody listens who never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


def a_stack(target: str) -> None:
    endpoints = Endpoints(os.getpid(), "agent.yaml", "sip:a@127.0.0.1:5060", target, target, target, target, target)
    write_endpoints(endpoints, stack_folder())


@pytest.mark.parametrize("command", OF_RECORDS)
def test_a_records_process_that_is_named_and_not_there(
    command: tuple[str, ...], closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main([*command, "--records", closed]) == 1
    told = f"no records process answers at {closed}, which --records names: is it started, and is that its gRPC port?\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("command", OF_GATEWAY)
def test_a_gateway_that_is_named_and_not_there(
    command: tuple[str, ...], closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main([*command, "--gateway", closed]) == 1
    told = f"no gateway answers at {closed}, which --gateway names: is it started, and is that its gRPC port?\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("command", [*OF_RECORDS[:2], *OF_GATEWAY])
def test_a_stack_whose_process_is_away(
    command: tuple[str, ...], closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    a_stack(closed)
    assert __main__.main(list(command)) == 1
    what = "gateway" if command in OF_GATEWAY else "records process"
    told = f"the {what} of this machine's stack does not answer at {closed}; voiceplane doctor says what runs of it\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("command", [("trace", "--records"), ("hangup", "latest", "--gateway")])
def test_a_process_that_takes_the_connection_and_says_nothing_does_not_answer(
    command: tuple[str, ...], stuck: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client, "READ_S", 0.5)
    monkeypatch.setattr(live_commands, "DEADLINE_S", 0.5)
    assert __main__.main([*command, stuck]) == 1
    assert f"answers at {stuck}, which {command[-1]} names" in capsys.readouterr().err


async def test_the_calls_of_records_are_listed_where_the_gateway_is_away(
    closed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def none(records: str, limit: int) -> tuple[()]:
        return ()

    monkeypatch.setattr(records_commands, "read_calls", none)
    options = __main__.parser().parse_args(["calls", "--gateway", closed])
    assert await records_commands._calls("127.0.0.1:9", options, Console()) == 1
    out, err = capsys.readouterr()
    assert f"no gateway answers at {closed}" in err and "no calls are recorded yet" in out


@pytest.mark.parametrize("command", [*OF_RECORDS, *OF_GATEWAY])
def test_where_no_stack_runs_both_ways_on_are_named(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(list(command)) == 2
    option = "--gateway" if command in OF_GATEWAY else "--records"
    told = capsys.readouterr().err
    assert told.startswith(
        "no stack runs on this machine: start one by voiceplane dev agent.yaml, or name another's by "
    )
    assert option in told


@pytest.mark.parametrize("address", ["9002", "localhost", "http://localhost:9002", "localhost:0", "localhost:70000"])
def test_an_address_that_is_none_is_refused_when_the_command_is_read(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["trace", "--records", address])
    assert f"{address!r} is no HOST:PORT, such as 127.0.0.1:9002" in capsys.readouterr().err
