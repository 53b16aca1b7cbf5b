"""The outbox: nothing is lost while the far side is away, or across a restart."""

import asyncio
import stat
from pathlib import Path

import grpc
import pytest
from tests.waiting import until

from voiceplane.runtime.outbox import (
    LOST,
    FailedOverError,
    Metadata,
    Outbox,
    OutboxLimits,
    RefusedError,
    TryLaterError,
    failure,
)
from voiceplane.runtime.spool import Spool, SpoolFullError

QUICK = OutboxLimits(send_s=0.5, first_retry_s=0.01, last_retry_s=0.05, drain_s=0.5)


class FarSide:
    """Takes messages while it is up."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.taken: list[bytes] = []
        self.asked = 0

    async def send(self, message: bytes, metadata: Metadata) -> None:
        self.asked += 1
        if not self.up:
            raise TryLaterError("away")
        if message.startswith(b"bad"):
            raise RefusedError("bad message")
        self.taken.append(message)


def _on_disk(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".part"]  # one being written


async def test_messages_arrive_in_order_and_touch_no_disk(tmp_path: Path) -> None:
    far = FarSide()
    async with Outbox(far.send, tmp_path, limits=QUICK).running() as outbox:
        for number in range(100):
            outbox.put(b"%d" % number)
        await until(lambda: not outbox.waiting)
    assert far.taken == [b"%d" % number for number in range(100)]
    assert not _on_disk(tmp_path)


async def test_messages_wait_on_disk_while_the_far_side_is_away_and_follow_in_order(tmp_path: Path) -> None:
    far = FarSide(up=False)
    async with Outbox(far.send, tmp_path, limits=QUICK).running() as outbox:
        for number in range(20):
            outbox.put(b"%d" % number)
        await until(lambda: len(_on_disk(tmp_path)) == 20)
        far.up = True
        await until(lambda: not outbox.waiting)
    assert far.taken == [b"%d" % number for number in range(20)]
    assert not _on_disk(tmp_path)


async def test_messages_survive_the_process(tmp_path: Path) -> None:
    away = FarSide(up=False)
    async with Outbox(away.send, tmp_path, limits=QUICK).running() as outbox:
        outbox.put(b"one")
        outbox.put(b"two")
    assert away.taken == []
    back = FarSide()
    async with Outbox(back.send, tmp_path, limits=QUICK).running() as outbox:
        await until(lambda: not outbox.waiting)
    assert back.taken == [b"one", b"two"]


async def test_a_kept_message_is_on_disk_before_the_sender_goes_on(tmp_path: Path) -> None:
    far = FarSide()
    outbox = Outbox(far.send, tmp_path, limits=QUICK)
    await outbox.keep(b"audit")
    assert _on_disk(tmp_path) == [b"audit"] and not far.taken
    async with outbox.running():
        await outbox.keep(b"second")
        await until(lambda: not outbox.waiting)
    assert far.taken == [b"audit", b"second"]


async def test_a_message_that_cannot_be_kept_is_an_os_error(tmp_path: Path) -> None:
    outbox = Outbox(FarSide().send, tmp_path / "gone", limits=QUICK)
    (tmp_path / "gone").rmdir()
    with pytest.raises(OSError):
        await outbox.keep(b"audit")


async def test_a_far_side_that_hangs_counts_as_away(tmp_path: Path) -> None:
    async def hang(message: bytes, metadata: Metadata) -> None:
        await asyncio.sleep(60)

    limits = OutboxLimits(send_s=0.05, first_retry_s=0.01, last_retry_s=0.05, drain_s=0.2)
    async with Outbox(hang, tmp_path, limits=limits).running() as outbox:
        outbox.put(b"kept")
    assert _on_disk(tmp_path) == [b"kept"]


async def test_an_exit_in_the_middle_of_a_send_keeps_the_message(tmp_path: Path) -> None:
    async def hang(message: bytes, metadata: Metadata) -> None:
        await asyncio.sleep(60)

    limits = OutboxLimits(send_s=30, drain_s=0.05)
    async with Outbox(hang, tmp_path, limits=limits).running() as outbox:
        outbox.put(b"in flight")
        await asyncio.sleep(0.02)
    assert _on_disk(tmp_path) == [b"in flight"]


async def test_an_exit_that_is_cancelled_while_it_still_sends_keeps_the_messages(tmp_path: Path) -> None:
    sending = asyncio.Event()

    async def hang(message: bytes, metadata: Metadata) -> None:
        sending.set()
        await asyncio.sleep(60)

    async def leave() -> None:
        async with Outbox(hang, tmp_path, limits=OutboxLimits(send_s=30, drain_s=30)).running() as outbox:
            outbox.put(b"in flight")
            outbox.put(b"behind it")
            await sending.wait()

    leaving = asyncio.create_task(leave())
    await sending.wait()
    await asyncio.sleep(0.02)  # now the exit waits for the far side
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert leaving.cancelled()
    assert _on_disk(tmp_path) == [b"in flight", b"behind it"]


async def test_a_refused_message_is_set_aside_and_holds_up_no_other(tmp_path: Path) -> None:
    far = FarSide()
    async with Outbox(far.send, tmp_path, limits=QUICK).running() as outbox:
        outbox.put(b"bad one")
        outbox.put(b"good")
        await until(lambda: not outbox.waiting)
    assert far.taken == [b"good"]
    assert _on_disk(tmp_path) == [b"bad one"]


async def test_a_fault_in_send_ends_no_delivery(tmp_path: Path) -> None:
    far = FarSide()
    faults = 2

    async def faulty(message: bytes, metadata: Metadata) -> None:
        nonlocal faults
        if faults:
            faults -= 1
            raise KeyError("bug")
        await far.send(message, metadata)

    async with Outbox(faulty, tmp_path, limits=QUICK).running() as outbox:
        outbox.put(b"x")
        await until(lambda: not outbox.waiting)
    assert far.taken == [b"x"]


async def test_a_full_memory_refuses_the_newest_without_waiting(tmp_path: Path) -> None:
    outbox = Outbox(FarSide().send, tmp_path, limits=OutboxLimits(in_memory=3))
    for number in range(5):
        assert outbox.has_room() is (number < 3)
        outbox.put(b"%d" % number)
    assert outbox.waiting == 3


def test_a_spool_is_bounded_private_and_ignores_half_written_files(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "000000000001.msg.part").write_bytes(b"half")
    spool = Spool(folder, max_messages=2, max_bytes=10)
    assert len(spool) == 0 and not list(folder.iterdir())
    spool.add(b"12345")
    with pytest.raises(SpoolFullError):
        spool.add(b"123456")
    spool.add(b"1234")
    with pytest.raises(SpoolFullError):
        spool.add(b"")
    (path, _) = sorted(folder.iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert spool.oldest() == (path.name, b"12345")


def test_a_spool_opened_again_goes_on_after_the_newest(tmp_path: Path) -> None:
    Spool(tmp_path).add(b"first")
    again = Spool(tmp_path)
    again.add(b"second")
    assert again.oldest()[1] == b"first" and len(again) == 2


@pytest.mark.parametrize("fault", [FailedOverError("INTERNAL"), KeyError("bug")])
async def test_a_message_over_which_the_far_side_always_fails_is_set_aside_counted_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    far, tries = FarSide(), 0

    async def send(message: bytes, metadata: Metadata) -> None:
        nonlocal tries
        if message == b"poison":
            tries += 1
            raise fault
        await far.send(message, metadata)

    before = LOST.labels("failed-over")._value.get()
    async with Outbox(send, tmp_path, limits=QUICK).running() as outbox:
        outbox.put(b"poison")
        outbox.put(b"good")
        await until(lambda: not outbox.waiting)
    assert far.taken == [b"good"] and tries == QUICK.failures_over_one
    assert _on_disk(tmp_path) == [b"poison"]
    assert LOST.labels("failed-over")._value.get() == before + 1 and "set aside" in caplog.text


async def test_what_gives_way_to_newer_refused_messages_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceplane.runtime.spool.MAX_ASIDE", 2)
    spool = Spool(tmp_path)
    assert [spool.set_aside(b"%d" % number) for number in range(4)] == [0, 0, 1, 1]
    assert _on_disk(tmp_path) == [b"2", b"3"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, RefusedError),
        (grpc.StatusCode.INTERNAL, FailedOverError),
        (grpc.StatusCode.UNKNOWN, FailedOverError),
        (grpc.StatusCode.UNAVAILABLE, TryLaterError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, TryLaterError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TryLaterError),
    ],
)
def test_a_status_says_whether_the_message_or_the_far_side_is_at_fault(
    code: grpc.StatusCode, kind: type[Exception]
) -> None:
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "why")
    assert type(failure(error)) is kind
