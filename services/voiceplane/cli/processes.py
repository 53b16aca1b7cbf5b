"""Start and end one operating system process with everything it started. Used by stack.py; kills nothing else.

A process is named by its id and its start time, so that an id which the kernel gave to somebody else is left alone.
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process for all time: its id and its start time in clock ticks after boot."""

    pid: int
    started: int


def _stat(pid: int) -> tuple[int, int, str] | None:
    """Read parent id, start time and state of a process (proc(5), fields 4, 22 and 3)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), int(fields[19]), fields[0]


def family(pid: int) -> frozenset[ProcessName]:
    """Return a process and all its descendants that are alive now."""
    children: dict[int, list[ProcessName]] = {}
    found: set[ProcessName] = set()
    for entry in os.listdir("/proc"):
        stat = _stat(int(entry)) if entry.isdigit() else None
        if stat is None or stat[2] in "ZX":
            continue
        name = ProcessName(int(entry), stat[1])
        children.setdefault(stat[0], []).append(name)
        if name.pid == pid:
            found.add(name)
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child.pid)
    return frozenset(found)


def alive(name: ProcessName) -> bool:
    """Say whether exactly this process still runs."""
    stat = _stat(name.pid)
    return stat is not None and stat[1] == name.started and stat[2] not in "ZX"


def _signal(names: frozenset[ProcessName], number: signal.Signals) -> None:
    for name in names:
        if alive(name):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(name.pid, number)


async def start(command: tuple[str, ...], log: Path, environment: dict[str, str]) -> asyncio.subprocess.Process:
    """Start a process whose output goes to the end of a log file, apart from our terminal's Ctrl-C."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        )


async def end(process: asyncio.subprocess.Process, *, grace_s: float) -> None:
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
    left = relatives | family(process.pid)
    _signal(left, signal.SIGKILL)
    if process.returncode is None:
        await process.wait()
