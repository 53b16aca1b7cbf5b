"""The supervisor with real, trivial processes: ready, restarted, stopped, nothing left behind."""

import asyncio
import os
import signal
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from tests.waiting import until

from voiceplane.cli.ports import free_ports
from voiceplane.cli.processes import ProcessName, alive, family
from voiceplane.cli.stack import Part, PartBrokenError, Stack, StackFailedError, StackSettings, State

QUICK = StackSettings(grace_s=1.0, poll_s=0.02, first_backoff_s=0.05, longest_backoff_s=0.2)


def free_port() -> int:
    """Return a port that no outgoing connection and no other test takes before its process binds it."""
    return next(free_ports())


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def server(name: str, code: str = "", after: tuple[str, ...] = ()) -> Part:
    port = free_port()
    script = f"import http.server, signal, subprocess, sys, time\n{code}\n"
    script += f"http.server.HTTPServer(('127.0.0.1', {port}), http.server.SimpleHTTPRequestHandler).serve_forever()"
    return Part(name, (sys.executable, "-c", script), lambda: connects(port), after)


def names(stack: Stack, *parts: str) -> frozenset[ProcessName]:
    found: frozenset[ProcessName] = frozenset()
    for part in parts:
        pid = stack.pid(part)
        assert pid is not None
        found |= family(pid)
    return found


def group_rank(name: ProcessName) -> int | None:
    """Return the nice value of a process's session, where the kernel has such groups (sched(7), autogroup)."""
    file = Path(f"/proc/{name.pid}/autogroup")
    return int(file.read_text().split()[-1]) if file.exists() else None


async def test_parts_are_ready_inside_and_gone_after(tmp_path: Path) -> None:
    said: list[str] = []
    async with Stack((server("one"), server("two", after=("one",))), tmp_path, said.append, QUICK) as stack:
        assert set(stack.states.values()) == {State.READY}
        running = names(stack, "one", "two")
        assert len(running) == 2
        assert [line.split()[0] for line in said] == ["one", "two"]
    assert not any(alive(name) for name in running)


async def test_a_part_of_lower_rank_has_it_in_all_that_it_starts_and_the_others_keep_ours(tmp_path: Path) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    lower = min(19, ours + 7)
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    parts = (server("media"), replace(server("models", child), nice=7))
    async with Stack(parts, tmp_path, lambda line: None, QUICK) as stack:
        running = names(stack, "models")
        assert [os.getpriority(os.PRIO_PROCESS, name.pid) for name in running] == [lower, lower]
        assert [os.getpriority(os.PRIO_PROCESS, name.pid) for name in names(stack, "media")] == [ours]
        assert {group_rank(name) for name in running} <= {lower, None}


async def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    async with Stack((server("one"),), tmp_path, said.append, QUICK) as stack:
        first = stack.pid("one")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: stack.pid("one") not in (None, first) and stack.states["one"] is State.READY)
        assert any("exited with status -9; starting it again" in line for line in said)


async def test_a_part_that_never_starts_fails_the_stack_with_its_log(tmp_path: Path) -> None:
    broken = Part("broken", (sys.executable, "-c", "raise SystemExit('no such model')"), lambda: connects(1))
    steady = server("steady")
    stack = Stack((steady, broken), tmp_path, lambda line: None, QUICK)
    with pytest.raises(StackFailedError, match="no such model"):
        async with stack:
            pass
    assert stack.pid("steady") is None


async def test_a_part_that_ignores_term_and_its_children_are_killed(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)'
        subprocess.Popen([sys.executable, '-c', child], start_new_session=True)
    """)
    async with Stack((server("stubborn", code),), tmp_path, lambda line: None, QUICK) as stack:
        running = names(stack, "stubborn")
        assert len(running) == 2
    assert not any(alive(name) for name in running)


async def test_what_the_stack_did_not_start_lives_on(tmp_path: Path) -> None:
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    try:
        async with Stack((server("one"),), tmp_path, lambda line: None, QUICK):
            pass
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_cancelling_the_start_stops_what_was_started(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    slow = Part("slow", (sys.executable, "-c", "import time; time.sleep(600)"), never)
    stack = Stack((slow,), tmp_path, lambda line: None, QUICK)
    starting = asyncio.create_task(stack.__aenter__())
    await until(lambda: stack.pid("slow") is not None)
    running = names(stack, "slow")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not any(alive(name) for name in running)


async def test_a_part_that_is_never_ready_is_said_so(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    slow = Part("slow", (sys.executable, "-c", "import time; time.sleep(600)"), never, ready_timeout_s=0.2)
    settings = StackSettings(grace_s=1.0, poll_s=0.02, first_backoff_s=0.01, early_crashes=1)
    with pytest.raises(StackFailedError, match="was not ready in"):
        async with Stack((slow,), tmp_path, lambda line: None, settings):
            pass


async def test_a_part_that_says_itself_that_it_is_broken_is_not_started_again(tmp_path: Path) -> None:
    async def ready() -> bool:
        raise PartBrokenError("cannot serve: turn at x: no such file")

    said: list[str] = []
    broken = Part("speech", (sys.executable, "-c", "import time; time.sleep(600)"), ready)
    with pytest.raises(StackFailedError, match="speech cannot serve: turn at x: no such file"):
        async with Stack((broken,), tmp_path, said.append, QUICK):
            pass
    assert said == []


def test_a_wrong_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="waits for ghost"):
        Stack((server("one", after=("ghost",)),), tmp_path, lambda line: None)
