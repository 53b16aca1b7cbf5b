"""Run the parts of a stack as processes: start in parallel, wait until ready, restart what crashes, stop all.

Knows nothing of voiceplane; parts.py says which processes there are. `async with Stack(...)` is ready inside the block.
"""

import asyncio
import secrets
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voiceplane.cli import keeper, processes
from voiceplane.runtime.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]
    after: tuple[str, ...] = ()  # parts that must be ready before this one starts
    ready_timeout_s: float = 120.0
    environment: dict[str, str] = field(default_factory=dict)
    tier: int = 0  # at the end the highest tier stops first, all of a tier at once
    leftovers: tuple[str, ...] = ()  # absolute patterns of files outside TMPDIR that a killed process leaves
    nice: int = 0  # added to ours, for it and all it starts: the others go first where the processor is full


@dataclass(frozen=True, slots=True)
class StackSettings:
    """How patient the supervisor is, in seconds."""

    grace_s: float = 10.0
    poll_s: float = 0.1
    still_s: float = 10.0  # a line of progress at least this often
    first_backoff_s: float = 0.5
    longest_backoff_s: float = 10.0
    steady_s: float = 30.0  # a part that ran this long starts again without backoff
    early_crashes: int = 3  # before it was ever ready; then the stack gives up
    clock: Clock = SystemClock()


class State(Enum):
    """Where a part is."""

    WAITING = auto()
    STARTING = auto()
    READY = auto()
    CRASHED = auto()


class StackFailedError(Exception):
    """A part could not be started; the message has the end of its log."""


class PartBrokenError(Exception):
    """Raised by `Part.ready`: the part runs and says that it will never be ready; starting it again is no help."""


class Stack:
    """A set of parts under one supervisor."""

    def __init__(
        self, parts: tuple[Part, ...], logs: Path, report: Callable[[str], None], settings: StackSettings | None = None
    ) -> None:
        """Prepare the parts; nothing runs yet. ValueError when `after` names no part."""
        names = {part.name for part in parts}
        for part in parts:
            if missing := set(part.after) - names:
                raise ValueError(f"{part.name} waits for {', '.join(sorted(missing))}, which is no part")
        self._parts, self._logs, self._report = parts, logs, report
        self._settings = settings or StackSettings()
        self.mark = f"{secrets.token_hex(8)}/"  # in the environment of every process of this stack
        self._keeper: asyncio.subprocess.Process | None = None
        self.scratch = Path()  # holds each part's TMPDIR; goes with the stack
        self.states = dict.fromkeys(names, State.WAITING)
        self._was_ready = {name: asyncio.Event() for name in names}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self.failed: asyncio.Future[StackFailedError] | None = None

    def log(self, name: str) -> Path:
        """Return the log file of a part."""
        return self._logs / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """Return the process id of a part while it runs."""
        process = self._processes.get(name)
        return process.pid if process is not None and process.returncode is None else None

    async def __aenter__(self) -> Self:
        """Start all parts and return when each is ready; StackFailedError when one cannot be."""
        self.failed = asyncio.get_running_loop().create_future()
        # Directly below /tmp: a socket's path may have no more than 107 bytes (unix(7)).
        self.scratch = Path(tempfile.mkdtemp(prefix="vp-", dir="/tmp"))
        everyone = asyncio.gather(*(event.wait() for event in self._was_ready.values()))
        try:
            await self._start_keeper()
            for part in self._parts:
                self._watchers.append(asyncio.create_task(self._watch(part), name=f"watch {part.name}"))
            outcomes: set[asyncio.Future[Any]] = {everyone, self.failed}
            await asyncio.wait(outcomes, return_when=asyncio.FIRST_COMPLETED)
            if self.failed.done():
                raise self.failed.result()
        except BaseException:
            await self._stop()
            raise
        finally:
            everyone.cancel()
            await asyncio.gather(everyone, return_exceptions=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every part, whatever happened."""
        await self._stop()

    async def _stop(self) -> None:
        """End the watchers, then the processes tier by tier; a second cancellation does not leave any."""
        ending = asyncio.create_task(self._end_all(), name="stop the stack")
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                if ending.cancelled():
                    raise
        ending.result()

    async def _start_keeper(self) -> None:
        """Start the process that cleans up if we are killed; closing its standard input lets it go."""
        patterns = (pattern for part in self._parts for pattern in part.leftovers)
        facts = (self.mark, str(self._settings.grace_s), str(self.scratch), *patterns)
        self._keeper = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", keeper.__name__, *facts),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    async def _end_all(self) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for tier in sorted({part.tier for part in self._parts}, reverse=True):
            await asyncio.gather(*(self._end(part) for part in self._parts if part.tier == tier))
        await processes.kill(self.mark)
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            await self._keeper.wait()

    def _environment(self, part: Part) -> dict[str, str]:
        """Add the mark by which all it starts is found, and a temporary folder that goes with it."""
        folder = self.scratch / part.name
        folder.mkdir(exist_ok=True)
        return {processes.MARK: self.mark + part.name, "TMPDIR": str(folder), **part.environment}

    async def _end(self, part: Part) -> None:
        """End a part with all it started, then remove the files it left."""
        process = self._processes.get(part.name)
        if process is not None:
            await processes.end(process, self.mark + part.name, grace_s=self._settings.grace_s)
            keeper.sweep(self.scratch / part.name, part.leftovers)

    async def _watch(self, part: Part) -> None:
        """Keep one part running until cancelled; give up when it never gets ready."""
        settings, clock = self._settings, self._settings.clock
        for name in part.after:
            await self._was_ready[name].wait()
        backoff, crashes = settings.first_backoff_s, 0
        while True:
            started = clock.monotonic()
            self.states[part.name] = State.STARTING
            process = await processes.start(part.command, self.log(part.name), self._environment(part), nice=part.nice)
            self._processes[part.name] = process
            try:
                problem = await self._until_ready(part, process, started)
            except PartBrokenError as error:
                if not self._was_ready[part.name].is_set():
                    self._give_up(part, str(error))
                    return
                problem = str(error)
            if problem is None:
                self.states[part.name] = State.READY
                self._was_ready[part.name].set()
                self._report(f"{part.name} is ready after {clock.monotonic() - started:.1f} s")
                await process.wait()
                problem = f"exited with status {process.returncode}"
            self.states[part.name] = State.CRASHED
            await self._end(part)
            crashes += 1
            if not self._was_ready[part.name].is_set() and crashes >= settings.early_crashes:
                self._give_up(part, problem)
                return
            if clock.monotonic() - started >= settings.steady_s:
                backoff = settings.first_backoff_s
            self._report(f"{part.name} {problem}; starting it again in {backoff:.1f} s (log: {self.log(part.name)})")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, settings.longest_backoff_s)

    async def _until_ready(self, part: Part, process: asyncio.subprocess.Process, started: float) -> str | None:
        """Return None when the part is ready, else what went wrong."""
        clock = self._settings.clock
        told = started
        while process.returncode is None:
            if await part.ready():
                return None
            now = clock.monotonic()
            if now - started > part.ready_timeout_s:
                return f"was not ready in {part.ready_timeout_s:.0f} s"
            if now - told >= self._settings.still_s:
                told = now
                self._report(f"{part.name} is still starting, {now - started:.0f} s")
            await asyncio.sleep(self._settings.poll_s)
        return f"exited with status {process.returncode} before it was ready"

    def _give_up(self, part: Part, problem: str) -> None:
        lines = self.log(part.name).read_text(errors="replace").splitlines()[-8:]
        message = "\n  ".join([f"{part.name} {problem}. The end of {self.log(part.name)}:", *lines])
        if self.failed is not None and not self.failed.done():
            self.failed.set_result(StackFailedError(message))
