"""A command that cannot do what it is told says so before it starts anything: what is wrong and what is right."""

import socket
from pathlib import Path

import pytest

from voiceplane.cli import __main__, demo, ports

AGENT = str(Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml")
ELSEWHERE = "192.0.2.1"  # RFC 5737: nobody's address


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rtp-ports", "5-x"), "'5-x' is no range of ports: write FIRST-LAST, such as 20000-20999"),
        (("--rtp-ports", "20999-20000"), "'20999-20000' is no range of ports"),
        (("--rtp-ports", "20001-20002"), "a call takes an even port and the next"),
        (("--rtp-ports", "65000-70000"), "none is over 65535"),
        (("--sip-port", "0"), "'0' is no whole number from 1 to 65535"),
        (("--sip-port", "70000"), "'70000' is no whole number from 1 to 65535"),
        (("--host", "0.0.0.0"), "is no address that a phone can reach"),
    ],
)
def test_dev_refuses_a_wrong_value_when_it_reads_the_command(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["dev", AGENT, *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("chosen", ["20000-20999", "20000-20001", "20001-20003"])
def test_dev_takes_a_range_with_room_for_a_call(chosen: str) -> None:
    assert __main__.parser().parse_args(["dev", AGENT, "--rtp-ports", chosen]).rtp_ports == chosen


@pytest.mark.parametrize("host", [ELSEWHERE, "::1"])
@pytest.mark.parametrize("wanted", [None, 5070])
def test_an_address_of_another_machine_is_not_called_a_taken_port(host: str, wanted: int | None) -> None:
    with pytest.raises(ports.NoFreePortError, match=f"{host} is no IPv4 address of this machine: --host wants one"):
        ports.sip_port(host, wanted)


def test_dev_tells_of_the_address_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert __main__.main(["dev", AGENT, "--host", ELSEWHERE]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"{ELSEWHERE} is no IPv4 address of this machine") and told.count("\n") == 1


def test_a_taken_sip_port_is_named_with_what_to_do() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(ports.NoFreePortError, match=f"SIP port {port} on 127.0.0.1 is taken: end what has it"):
            ports.sip_port("127.0.0.1", port)


@pytest.mark.parametrize(("command", "status"), [("demo", 1), ("test", 2), ("dev", 2)])
def test_a_missing_file_is_named(command: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main([command, "/none.yaml"]) == status
    told = capsys.readouterr().err
    assert told.startswith("cannot read /none.yaml: no such file or directory; name ") and told.count("\n") == 1


def test_scenarios_that_name_a_missing_agent_say_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scenarios.yaml"
    file.write_text("agent: none.yaml\nscenarios: [{name: one, steps: [{say: hi}]}]\n")
    assert __main__.main(["test", str(file)]) == 2
    assert f"cannot read {tmp_path}/none.yaml: no such file or directory; `agent:` in {file}" in capsys.readouterr().err


def test_the_demo_names_an_agent_with_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("kind: VoiceAgent\n")
    assert demo.run(__main__.parser().parse_args(["demo", str(file)])) == 1
    assert f"{file} has mistakes; voiceplane validate explains them" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["call", "sip:agent@127.0.0.1:1"], ["demo"]])
@pytest.mark.parametrize("words", ["", " ", "?!"])
def test_words_that_nobody_can_say_are_refused(
    command: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        __main__.main([*command, "--say", words])
    assert f"{words!r} has no words to say" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["test", "scenarios.yaml", "--output"],
        ["test", "scenarios.yaml", "--junit"],
        ["bench", "--output"],
        ["bench", "--json"],
        ["bench", "--markdown"],
        ["bench", "turns", "--picture"],
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_measured(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="2"):
        __main__.main([*command, str(tmp_path / "file/below")])
    told = capsys.readouterr().err
    assert f"argument {command[-1]}: cannot write" in told and "a file is where" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--recordings", "none"], "--recordings goes with voiceplane bench turns"),
        (["--picture", "turns.svg"], "--picture goes with voiceplane bench turns"),
        (["--offsets", "2"], "--offsets goes with voiceplane bench turns"),
        (["turns", "--suite", "turn"], "--suite goes with voiceplane bench calls"),
        (["turns", "--json", "out.json"], "--json goes with voiceplane bench calls"),
        (["turns", "--recordings", "none"], "none/recordings.csv: no such file or directory"),
    ],
)
def test_an_option_of_the_bench_that_would_do_nothing_is_refused_before_anything_starts(
    options: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["bench", *options]) == 2
    assert told in capsys.readouterr().err
