"""Commands of packages beside this one: where they cannot be loaded, the reason is told to who looks for them."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from voiceplane.cli import __main__


def only(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    entry = EntryPoint("operator", target, "voiceplane.commands")
    monkeypatch.setattr(__main__, "entry_points", lambda group: [entry])


@pytest.mark.parametrize(
    "target", ["voiceplane_operator.none", "voiceplane.cli.none", "voiceplane.cli.dev:none", "voiceplane.cli.state"]
)
def test_an_entry_point_of_another_version_says_what_to_do(
    target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, target)
    told = f"the commands of the operator cannot be loaded, {target} is not of this version: install voiceplane again"
    assert told in __main__.parser().format_help()
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["render", "agent.yaml"])
    assert told in capsys.readouterr().err


def test_an_entry_point_whose_extra_is_not_installed_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_voiceplane.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    only(monkeypatch, "beside_voiceplane")
    told = "the commands of the operator need the Python package no_such_package: install voiceplane[operator]"
    assert told in __main__.parser().format_help()


def test_the_other_commands_work_where_some_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "voiceplane_operator.none")
    assert __main__.parser().parse_args(["validate", "agent.yaml"]).agent == "agent.yaml"


def test_without_a_command_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main([]) == 2
    told = capsys.readouterr().err
    assert all(f"\n    {command} " in told for command in ("validate", "call", "render")) and "first steps" in told
