"""`voiceplane doctor` on this machine, and what it says when something is missing."""

import argparse
from pathlib import Path

import pytest

from voiceplane.cli import doctor
from voiceplane.cli.doctor import Finding, Verdict


def test_every_check_has_something_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    status = doctor.run(argparse.Namespace(quiet=False, speech=None, profile=None))
    out = capsys.readouterr().out
    for what in ("python 3.11", "flite", "triton", "model whisper-tiny-en", "memory", "udp on loopback", "clock"):
        assert what in out
    assert status == (1 if "\nmissing" in f"\n{out}" else 0)


def test_an_empty_machine_is_told_how_to_get_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOICEPLANE_CACHE", str(tmp_path))
    assert doctor.run(argparse.Namespace(quiet=True, speech=None, profile=None)) == 1
    out = capsys.readouterr().out
    assert "missing   triton" in out and "-> voiceplane install" in out


def test_optional_things_do_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (lambda: [Finding("tshark", Verdict.OPTIONAL, "", "apt-get")],))
    assert doctor.run(argparse.Namespace(quiet=False, speech=None, profile=None)) == 0
