"""`voiceplane doctor` on this machine, and what it says when something is missing."""

import argparse
import asyncio
from pathlib import Path

import pytest
from tests.records.authority import HUB, authority, region

from voiceplane.cli import doctor
from voiceplane.cli.doctor import Finding, Verdict
from voiceplane.cli.state import Endpoints
from voiceplane.runtime import grpc_server, tls


def test_every_check_has_something_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    status = doctor.run(argparse.Namespace(quiet=False, speech=None, profile=None, records=None, records_tls=None))
    out = capsys.readouterr().out
    for what in ("python 3.11", "flite", "triton", "model whisper-tiny-en", "memory", "udp on loopback", "clock"):
        assert what in out
    assert status == (1 if "\nmissing" in f"\n{out}" else 0)


def test_an_empty_machine_is_told_how_to_get_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOICEPLANE_CACHE", str(tmp_path))
    assert doctor.run(argparse.Namespace(quiet=True, speech=None, profile=None, records=None, records_tls=None)) == 1
    out = capsys.readouterr().out
    assert "missing   triton" in out and "-> voiceplane install" in out


def test_optional_things_do_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (lambda: [Finding("tshark", Verdict.OPTIONAL, "", "apt-get")],))
    assert doctor.run(argparse.Namespace(quiet=False, speech=None, profile=None, records=None, records_tls=None)) == 0


@pytest.mark.parametrize(("runs", "next_step"), [(False, "voiceplane dev "), (True, "voiceplane call ")])
def test_the_last_line_is_what_to_do_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: bool, next_step: str
) -> None:
    nowhere = Endpoints(0, "agent.yaml", "sip:agent@127.0.0.1:1", *("127.0.0.1:1",) * 5)
    monkeypatch.setattr(doctor, "read_endpoints", lambda folder: nowhere if runs else None)
    monkeypatch.setattr(doctor, "CHECKS", ())
    monkeypatch.setattr(doctor, "_servers", lambda *_: ())
    assert doctor.run(argparse.Namespace(quiet=True, speech=None, profile=None, records=None, records_tls=None)) == 0
    assert capsys.readouterr().out.startswith(f"ready: {next_step}")


@pytest.mark.parametrize("expired", [False, True])
async def test_the_way_of_a_region_to_records_is_tried_and_a_wrong_certificate_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], expired: bool
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", ())
    ours = authority(tmp_path / "ours")
    folder = ours.signs(tmp_path / "frankfurt", region("frankfurt"), days=-1 if expired else 2)
    credentials = tls.server_credentials(ours.signs(tmp_path / "hub", HUB))
    async with grpc_server.serve_proved(lambda _: None, host="127.0.0.1", port=0, credentials=credentials) as server:
        target = f"127.0.0.1:{server.port}"
        asked = argparse.Namespace(quiet=False, speech=None, profile=None, records=target, records_tls=folder)
        assert await asyncio.to_thread(doctor.run, asked) == (1 if expired else 0)
    out = capsys.readouterr().out
    assert ("our certificate has expired" if expired else f"{target} and the region prove who they are") in out


def test_a_way_to_records_without_certificates_is_not_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", ())
    asked = argparse.Namespace(quiet=False, speech=None, profile=None, records="127.0.0.1:1", records_tls=None)
    assert doctor.run(asked) == 1
    assert "name both --records and --records-tls" in capsys.readouterr().out
