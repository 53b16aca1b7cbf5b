"""`voiceplane dev` with its real parts, Ray and Triton among them: whatever is killed, nothing is left."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.waiting import until

from voiceplane.cli.processes import MARK, ProcessName, alive, family, marked
from voiceplane.cli.state import read_endpoints

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).parents[2]
READY_S = 90.0  # of a stack whose files are not in the cache of the kernel


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services"), "XDG_STATE_HOME": str(tmp_path)}
    command = (sys.executable, "-m", "voiceplane.cli", "dev", "docs/examples/parcel-desk.yaml")
    with (tmp_path / "dev.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(60)


def named(processes: frozenset[ProcessName], words: str) -> list[int]:
    """Return the ids of those whose command line has these words."""
    found = []
    for name in processes:
        with suppress(OSError):
            if words in Path(f"/proc/{name.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(name.pid)
    return found


def mark_of(supervisor: int) -> str:
    """Return the mark of a supervisor's stack, once it has started a part; empty before."""
    for name in family(supervisor):
        with suppress(OSError):
            for entry in Path(f"/proc/{name.pid}/environ").read_bytes().split(b"\0"):
                if entry.startswith(f"{MARK}=".encode()):
                    return entry.partition(b"=")[2].decode().partition("/")[0] + "/"
    return ""


def scratch_of(mark: str) -> Path:
    (keeper,) = named(frozenset(ProcessName(int(p), 0) for p in os.listdir("/proc") if p.isdigit()), f"keeper {mark}")
    arguments = Path(f"/proc/{keeper}/cmdline").read_text().split("\0")
    return next(Path(argument) for argument in arguments if argument.startswith("/tmp/vp-"))


async def doctor(state: Path) -> str:
    """Ask `voiceplane doctor` what it sees of the stack that runs."""
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voiceplane.cli", "doctor"),
        env={**os.environ, "PYTHONPATH": str(ROOT / "services"), "XDG_STATE_HOME": str(state)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(asking.communicate(), 60)
    return out.decode()


async def test_killed_in_the_middle_of_rays_start_nothing_is_left(dev: subprocess.Popen[bytes]) -> None:
    await until(lambda: mark_of(dev.pid), within_s=READY_S)
    mark = mark_of(dev.pid)
    await until(lambda: named(marked(mark), "raylet"), within_s=READY_S)
    running, scratch = family(dev.pid) | marked(mark), scratch_of(mark)
    assert len(running) > 10
    dev.kill()
    dev.wait()
    await until(lambda: not marked(mark) and not any(alive(name) for name in running), within_s=40)
    await until(lambda: not scratch.exists(), within_s=5)


async def test_a_planner_killed_from_outside_takes_ray_with_it_and_ctrl_c_ends_all(
    dev: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    await until(lambda: read_endpoints(tmp_path / "voiceplane/dev") is not None, within_s=READY_S)
    mark = mark_of(dev.pid)
    scratch = scratch_of(mark)
    lines = (await doctor(tmp_path)).splitlines()
    for what in ("speech asr", "speech turn", "speech tts", "records", "tools", "planner", "gateway"):
        assert any(line.startswith(f"ok        {what} ") for line in lines), f"{what}: {lines}"
    (planner,) = named(marked(f"{mark}planner"), "voiceplane.planner serve")
    before = marked(f"{mark}planner")
    assert len(before) > 6 and named(before, "raylet")
    os.kill(planner, signal.SIGKILL)
    await until(lambda: not any(alive(name) for name in before))
    await until(lambda: named(marked(f"{mark}planner"), "voiceplane.planner serve"), within_s=READY_S)
    running = family(dev.pid) | marked(mark)
    dev.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(dev.wait, 60) == 0
    assert not marked(mark) and not any(alive(name) for name in running)
    assert not scratch.exists()
