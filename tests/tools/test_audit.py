"""The audit sink: nothing runs that is not written down first, and what is written down is not lost."""

import json
import shutil
from pathlib import Path

import pytest

from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.rpc.v1 import records_pb2
from voiceplane.runtime.outbox import Metadata, Outbox
from voiceplane.tools.audit import UNKNOWN, DiskSink
from voiceplane.tools.errors import AuditAwayError
from voiceplane.tools.journal import MAX_DONE, Journal
from voiceplane.tools.ports import Audit

CALL = CallId("4f1c7b2e9a3d4f60b1e2c3d4a5f60718")


class FarSide:
    """Where an outbox delivers."""

    def __init__(self) -> None:
        self.kept: list[records_pb2.AuditRecord] = []

    async def send(self, message: bytes, metadata: Metadata) -> None:
        self.kept.append(records_pb2.AuditRecord.FromString(message))


def audit(number: int = 1, *, once: bool = False, outcome: str = "ok") -> Audit:
    request = ToolRequest(CALL, "support/desk", "r", 2, "look", "look-up", "{}", f"key-{number}")
    return Audit(f"{number:032x}", request, "allowed", outcome, "", 1, 2.5, 7, {"day": "Monday"}, "d" * 64, once)


def sink(folder: Path, far: FarSide) -> tuple[DiskSink, Outbox]:
    outbox = Outbox(far.send, folder)
    return DiskSink(outbox, Journal(folder / "attempts")), outbox


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_an_attempt_has_one_record_with_all_its_facts(tmp_path: Path) -> None:
    far = FarSide()
    kept, outbox = sink(tmp_path, far)
    async with outbox.running():
        await kept.begin(audit(outcome="failed"))
        await kept.finish(audit())

    (record,) = far.kept
    assert (record.id, record.call_id, record.tool, record.outcome) == (f"{1:032x}", CALL, "look-up", "ok")
    assert (record.turn_index, record.attempt, record.duration_ms, record.at_unix_ns) == (2, 1, 2.5, 7)
    assert json.loads(record.arguments_redacted_json) == {"day": "Monday"}
    assert not leftovers(tmp_path)


async def test_what_ran_when_the_process_ended_is_recorded_by_the_next(tmp_path: Path) -> None:
    first, _ = sink(tmp_path, FarSide())
    await first.begin(audit(1))
    await first.begin(audit(2, once=True))
    await first.finish(audit(2, once=True))
    del first  # killed: nothing is delivered, nothing is closed
    far = FarSide()

    second, outbox = sink(tmp_path, far)
    await second.recover()
    async with outbox.running():
        pass

    assert sorted((record.id, record.outcome, record.reason) for record in far.kept) == [
        (f"{1:032x}", "failed", UNKNOWN),
        (f"{2:032x}", "ok", ""),
    ]
    assert second.spent(CALL, "key-1") and second.spent(CALL, "key-2") and not second.spent(CALL, "key-3")
    third, _ = sink(tmp_path, far)
    await third.recover()
    assert third.spent(CALL, "key-1") and len(far.kept) == 2


async def test_a_disk_that_takes_nothing_stops_the_tool(tmp_path: Path) -> None:
    kept, _ = sink(tmp_path, FarSide())
    shutil.rmtree(tmp_path / "attempts")

    with pytest.raises(AuditAwayError, match="takes no audit record"):
        await kept.begin(audit())


async def test_a_record_that_the_disk_refuses_stays_in_memory_and_is_sent(tmp_path: Path) -> None:
    far = FarSide()
    kept, outbox = sink(tmp_path / "spool", far)
    await kept.begin(audit())
    shutil.rmtree(tmp_path / "spool")

    async with outbox.running():
        await kept.finish(audit())

    assert [record.outcome for record in far.kept] == ["ok"]


async def test_too_many_waiting_records_stop_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "voiceplane.runtime.spool.Spool.__init__.__kwdefaults__", {"max_messages": 2, "max_bytes": 9999}
    )
    kept, _ = sink(tmp_path, FarSide())
    for number in (1, 2):
        await kept.begin(audit(number))
        await kept.finish(audit(number))

    assert not kept.has_room()
    with pytest.raises(AuditAwayError, match="too many"):
        await kept.begin(audit(3))


def test_the_journal_keeps_a_bounded_number_of_ended_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceplane.tools.journal.MAX_DONE", 3)
    journal = Journal(tmp_path)
    for number in range(5):
        journal.open(f"{number:032x}", b"%d" % number)
        journal.close(f"{number:032x}", once=True)
    (tmp_path / "half.part").write_bytes(b"cut off")

    assert sorted(Journal(tmp_path).left_done()) == [b"2", b"3", b"4"]
    assert not list(tmp_path.glob("*.part")) and Journal(tmp_path).left_open() == []
    assert MAX_DONE >= 1000
