"""Whatever is killed, and however: no process and no file of a stack stays behind. The parts are small programs."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.waiting import until

from voiceplane.cli import processes
from voiceplane.cli.processes import ProcessName, alive, family, marked
from voiceplane.cli.stack import Part, Stack, StackSettings, State

QUICK = StackSettings(grace_s=1.0, poll_s=0.02, first_backoff_s=0.05, longest_backoff_s=0.2)
# A part like Ray's driver: one child in a session of its own, one whose parent dies first; both ignore SIGTERM.
DRIVER = textwrap.dedent("""
    import pathlib, signal, subprocess, sys, tempfile, time
    sleeper = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    detached = subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True)
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleeper!r}], start_new_session=True)"
    subprocess.run([sys.executable, "-c", parent])
    pathlib.Path(tempfile.mkdtemp(), "socket").touch()
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(600)
""")


def driver(started: Path, leftover: Path) -> Part:
    async def ready() -> bool:
        return started.exists()  # noqa: ASYNC240

    return Part("driver", (sys.executable, "-c", DRIVER, str(started)), ready, leftovers=(str(leftover),))


async def gone(names: frozenset[ProcessName], timeout_s: float = 20.0) -> None:
    await until(lambda: not any(alive(name) for name in names), within_s=timeout_s)


async def test_a_part_killed_from_outside_leaves_neither_its_grandchildren_nor_its_files(tmp_path: Path) -> None:
    started, leftover = tmp_path / "started", tmp_path / "memory-1"
    async with Stack((driver(started, tmp_path / "memory-*"),), tmp_path / "logs", print, QUICK) as stack:
        first = marked(stack.mark + "driver")
        pid = stack.pid("driver")
        assert len(first) == 3 and pid is not None
        socket = [path for path in stack.scratch.glob("driver/*/socket")]
        assert len(socket) == 1
        leftover.touch()
        started.unlink()
        os.kill(pid, signal.SIGKILL)
        await gone(first)
        await until(lambda: stack.pid("driver") not in (None, pid) and stack.states["driver"] is State.READY)
        assert not leftover.exists() and not socket[0].exists()
        again = marked(stack.mark)
        assert len(again) == 3
    assert not any(alive(name) for name in again)
    assert not marked(stack.mark)
    assert not stack.scratch.exists()


SUPERVISOR = """
import asyncio, pathlib, sys
sys.path.insert(0, {tests!r})
from test_nothing_is_left import QUICK, driver
from voiceplane.cli.stack import Stack

async def main():
    folder = pathlib.Path(sys.argv[1])
    stack = Stack((driver(folder / "started", folder / "memory-*"),), folder / "logs", print, QUICK)
    (folder / "mark").write_text(stack.mark)
    async with stack:
        (folder / "ready").write_text(str(stack.scratch))
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["started", "ready"])  # in the middle of the start; later
async def test_a_killed_supervisor_leaves_nothing(tmp_path: Path, moment: str) -> None:
    (tmp_path / "memory-1").touch()
    script = SUPERVISOR.format(tests=str(Path(__file__).parent))
    supervisor = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])  # noqa: ASYNC220
    try:
        await until(lambda: (tmp_path / moment).exists(), within_s=30)
        mark = (tmp_path / "mark").read_text()
        running = family(supervisor.pid) | marked(mark)
        assert len(running) == 5  # itself, its keeper, the driver and two sleepers
    finally:
        supervisor.kill()
        supervisor.wait()
    await gone(running)
    assert not marked(mark)
    assert not (tmp_path / "memory-1").exists()
    if moment == "ready":
        assert not Path((tmp_path / "ready").read_text()).exists()  # noqa: ASYNC240


async def test_a_mark_is_not_taken_for_another(tmp_path: Path) -> None:
    stranger = await processes.start(
        (sys.executable, "-c", "import time; time.sleep(600)"), tmp_path / "log", {processes.MARK: "abc/planner-two"}
    )
    try:
        assert not marked("abc/planner")
        assert not marked("bc/")
        await until(lambda: marked("abc/planner-two"))
        assert marked("abc/") == marked("abc/planner-two")
    finally:
        await processes.end(stranger, "abc/planner-two", grace_s=1.0)
    assert not marked("abc/")
