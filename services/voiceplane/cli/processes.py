"""Start and end one operating system process with everything it started. Used by stack.py and keeper.py.

A process is named by its id and its start time, so that an id which the kernel gave to somebody else is left alone.
What a process starts is found by three signs, since each alone can be lost: the parent's id (lost when the parent
dies first), the session (lost by setsid) and a mark in the environment (lost when the environment is overwritten).
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

MARK = "VOICEPLANE_PART"  # STACK/PART in the environment of each process of a stack
_POLL_S = 0.05
_RANK_TRIES, _RANK_PAUSE_S = 10, 0.11  # the kernel takes one such wish in 0.1 s from all ordinary users
_GONE_S = 3.0  # what the kernel may take to end killed processes, and a dying parent to start no more


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process for all time: its id and its start time in clock ticks after boot."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class _Stat:
    """What proc(5) says of a process: fields 4, 6 and 22; ended ones (Z, X) are left out."""

    parent: int
    session: int
    started: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return _Stat(int(fields[1]), int(fields[3]), int(fields[19])) if fields[0] not in "ZX" else None


def _running() -> dict[int, _Stat]:
    found = ((int(entry), _stat(int(entry))) for entry in os.listdir("/proc") if entry.isdigit())
    return {pid: stat for pid, stat in found if stat is not None}


def family(pid: int) -> frozenset[ProcessName]:
    """Return a process, all its descendants and all that is in its session, as far as they are alive now."""
    running = _running()
    ours = {each for each, stat in running.items() if each == pid or stat.session == pid}
    grown = True
    while grown:
        more = {each for each, stat in running.items() if stat.parent in ours} - ours
        grown = bool(more)
        ours |= more
    return frozenset(ProcessName(each, running[each].started) for each in ours)


def marked(mark: str) -> frozenset[ProcessName]:
    """Return the processes whose mark is this; one that ends in a slash stands for all parts of a stack."""
    ending = b"" if mark.endswith("/") else b"\0"
    sign = f"\0{MARK}={mark}".encode() + ending
    found = set()
    for pid, stat in _running().items():
        with contextlib.suppress(OSError):
            if sign in b"\0" + Path(f"/proc/{pid}/environ").read_bytes():
                found.add(ProcessName(pid, stat.started))
    return frozenset(found)


def alive(name: ProcessName) -> bool:
    """Say whether exactly this process still runs."""
    stat = _stat(name.pid)
    return stat is not None and stat.started == name.started


def send(names: frozenset[ProcessName], number: signal.Signals) -> None:
    """Send a signal to exactly these processes, as far as they still run."""
    for name in names:
        if alive(name):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(name.pid, number)


async def start(
    command: tuple[str, ...], log: Path, environment: dict[str, str], *, nice: int = 0
) -> asyncio.subprocess.Process:
    """Start a process whose output goes to the end of a log file, apart from our terminal's Ctrl-C.

    `nice` is how much less of a full processor it gets than we: sched(7).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        )
    if nice:
        await _rank(process.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + nice))
    return process


async def _rank(pid: int, nice: int) -> None:
    """Give a process that has just begun a nice value, which its threads and children inherit.

    Where the kernel makes each session a group of its own (autogroup), values count inside a group only: it gets the
    same one. A kernel without it has no such file; one that was told of another group just now says "again".
    """
    with contextlib.suppress(OSError):  # it has ended
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        group = os.open(f"/proc/{pid}/autogroup", os.O_WRONLY)
        try:
            for _ in range(_RANK_TRIES):
                with contextlib.suppress(BlockingIOError):
                    os.write(group, str(nice).encode())
                    return
                await asyncio.sleep(_RANK_PAUSE_S)
        finally:
            os.close(group)


async def end(process: asyncio.subprocess.Process, mark: str, *, grace_s: float) -> None:
    """Ask a process to end by SIGTERM; after the grace, kill it and whatever it left behind."""
    relatives = family(process.pid)
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while process.returncode is None:
                    relatives |= family(process.pid)  # what it starts while it ends is ours too
                    await asyncio.sleep(_POLL_S)
    await kill(mark, relatives | family(process.pid))
    if process.returncode is None:
        await process.wait()


async def kill(mark: str, known: frozenset[ProcessName] = frozenset()) -> None:
    """Kill these and all that bear the mark, until none is left: one may start another while it is being killed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GONE_S):
            while left := frozenset(name for name in known | marked(mark) if alive(name)):
                send(left, signal.SIGKILL)
                await asyncio.sleep(_POLL_S / 5)
