"""`voiceplane dev` as a process: a signal stops all it started and withdraws its endpoints. Its parts are trivial."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from voiceplane.cli import __main__
from voiceplane.cli.processes import alive, family
from voiceplane.cli.state import Endpoints, read_endpoints, write_endpoints

ROOT = Path(__file__).parents[2]
# The real command; only the list of parts is another: two sleepers, one of which ignores SIGTERM.
SCRIPT = """
import os, sys
from voiceplane.cli import __main__, dev
from voiceplane.cli.stack import Part
from voiceplane.cli.state import Endpoints

async def ready():
    return True

def plan(bundle, options):
    sleeper = "import signal, time; {}; time.sleep(600)"
    parts = [
        Part(name, (sys.executable, "-c", sleeper.format(code)), ready)
        for name, code in (("kind", "pass"), ("stubborn", "signal.signal(15, signal.SIG_IGN)"))
    ]
    return tuple(parts), Endpoints(os.getpid(), "a", "sip:a@127.0.0.1:1", "", "", "", "", "")

dev.plan = plan
dev.Stack.__init__.__defaults__ = (dev.Stack.__init__.__globals__["StackSettings"](grace_s=0.5),)
sys.exit(__main__.main(["dev", "docs/examples/parcel-desk.yaml"]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services"), "XDG_STATE_HOME": str(tmp_path)}
    folder = tmp_path / "voiceplane/dev"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            while read_endpoints(folder) is None:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
            running = family(process.pid)
            assert len(running) == 4  # the command, its two parts and its keeper
            process.send_signal(number)
            _, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert "kind is ready after" in err.decode() and "stopped" in err.decode()
    assert not any(alive(name) for name in running)
    assert not (folder / "stack.json").exists()


async def test_a_second_stack_is_refused_while_the_first_starts_and_the_folder_is_free_when_it_is_killed(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services"), "XDG_STATE_HOME": str(tmp_path)}
    never_ready = SCRIPT.replace("return True", "return False")

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", never_ready, cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
        )

    async def first_line(process: asyncio.subprocess.Process) -> str:
        assert process.stderr is not None
        return (await process.stderr.readline()).decode()

    started = [await start()]
    try:
        async with asyncio.timeout(40):
            assert "starting kind, stubborn" in await first_line(started[0])
            started.append(await start())
            assert "another stack is starting or stopping in" in await first_line(started[1])
            assert await started[1].wait() == 1
            started[0].kill()
            await started[0].wait()
            started.append(await start())
            assert "starting kind, stubborn" in await first_line(started[2])
            started[2].send_signal(signal.SIGINT)
            assert await started[2].wait() == 0
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()


def test_endpoints_of_a_dead_supervisor_are_not_believed(tmp_path: Path) -> None:
    gone = Endpoints(2**22 + 1, "a", "sip:a@127.0.0.1:1", "", "", "", "", "")
    write_endpoints(gone, tmp_path)
    assert read_endpoints(tmp_path) is None
    (tmp_path / "stack.json").write_text("{")
    assert read_endpoints(tmp_path) is None


def test_ctrl_c_while_the_commands_are_loaded_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "import_module", interrupted)
    assert __main__.main(["dev", "agent.yaml"]) == 130
