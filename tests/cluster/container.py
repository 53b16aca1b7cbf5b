"""One container of the test node: a process in namespaces of its own, started, asked, signalled and waited for."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.plane import ROOT, started

ENTER = Path(__file__).with_name("enter.py")
START_S = 15.0
EXEC_EXTRA_S = 1.0  # for entering the namespaces, besides the probe's own timeout


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this machine seen inside the container."""

    source: Path
    target: str
    read_only: bool = False

    def as_json(self) -> dict[str, object]:
        """Write it for enter.py."""
        return {"source": str(self.source), "target": self.target, "readOnly": self.read_only}


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What to run; all references are resolved already."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    binds: tuple[Bind, ...]
    working_dir: str = "/"
    read_only_root: bool = False


def image_environment() -> dict[str, str]:
    """Return what the "image" sets: this checkout's programs first, the home folder where the models' cache lies."""
    path = f"{ROOT / '.venv' / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    kept = {name: os.environ[name] for name in ("VOICEPLANE_CACHE", "XDG_CACHE_HOME", "LANG") if name in os.environ}
    return {"PATH": path, "HOME": str(Path.home()), **kept}


@dataclass(slots=True)
class Container:
    """A container's process; `init` is its first process as this machine numbers it."""

    spec: ContainerSpec
    process: asyncio.subprocess.Process
    init: int = 0
    log: Path = field(default_factory=Path)

    @property
    def running(self) -> bool:
        """Say whether it has not ended."""
        return self.process.returncode is None

    def exit_code(self) -> int:
        """Return the status of the ended process as the kubelet says it: 128 + signal for a signal."""
        code = self.process.returncode or 0
        return 128 - code if code < 0 else code

    def signal(self, number: signal.Signals) -> None:
        """Signal the container's first process."""
        if self.running and self.init:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init, number)

    async def execute(self, argv: Sequence[str], *, timeout_s: float) -> tuple[int, str]:
        """Run a command inside; return its status and output. Status 124 when it took too long."""
        if not self.running:
            return 1, "the container does not run"
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--target={self.init}", "--mount", "--net", "--uts", "--pid", "--root", "--wd", "--", *argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.spec.environment,
        )
        try:
            async with asyncio.timeout(timeout_s + EXEC_EXTRA_S):
                out, _ = await process.communicate()
        except TimeoutError:
            return 124, f"no answer in {timeout_s:.0f} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out.decode(errors="replace")

    async def kill(self) -> None:
        """End it at once, with all that it started."""
        self.signal(signal.SIGKILL)
        if self.running and not self.init:
            self.process.kill()
        await self.process.wait()


async def start(spec: ContainerSpec, folder: Path, log: Path, network: int | None) -> Container:
    """Start a container whose network is that of a process (none: this machine's)."""
    scratch = folder / f"{spec.name}-root"
    scratch.mkdir(parents=True, exist_ok=True)
    description = folder / f"{spec.name}.json"
    content = {
        "scratch": str(scratch),
        "binds": [each.as_json() for each in spec.binds],
        "argv": list(spec.argv),
        "env": spec.environment,
        "workingDir": spec.working_dir,
        "readOnlyRoot": spec.read_only_root,
    }
    description.write_text(json.dumps(content))
    description.chmod(0o600)  # it has the values of Secrets
    join = (f"--net=/proc/{network}/ns/net", f"--uts=/proc/{network}/ns/uts") if network else ()
    unshare = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--")
    command = (*join, *unshare, _python(), "-I", "-S", str(ENTER), str(description))
    process = await started(Path("/usr/bin/nsenter"), *command, log=log)
    container = Container(spec, process, log=log)
    try:
        container.init = await _first_process(process)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    return container


def _python() -> str:
    """Return the interpreter outside of any virtual environment: enter.py must not need one."""
    return str(Path(sys.executable).resolve())


async def _first_process(process: asyncio.subprocess.Process) -> int:
    """Return the child of `unshare --fork`, by this machine's numbers; 0 when all ended before it was seen."""
    for _ in range(int(START_S / 0.01)):
        if process.returncode is not None:
            return 0
        if found := _children(process.pid):
            return found[0]
        await asyncio.sleep(0.01)
    raise TimeoutError(f"no first process in {START_S:.0f} s")


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
