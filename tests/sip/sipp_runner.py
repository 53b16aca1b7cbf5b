"""Run SIPp, a caller that others wrote, with a scenario of sipp/. Used against SipServer alone and the real gateway."""

import asyncio
import shutil
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parent / "sipp"
DEADLINE_S = 75.0


async def run_sipp(target: str, scenario: str, folder: Path, *options: str, service: str) -> None:
    """Run a scenario against HOST:PORT; fails with SIPp's own errors unless every call went as it says."""
    program = shutil.which("sipp")
    if program is None:
        pytest.fail("sipp is missing: apt-get install sip-tester (these tests are never skipped)")
    errors = folder / "errors.log"
    command = [program, target, "-sf", str(SCENARIOS / scenario), "-s", service]
    command += ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-nostdin", "-trace_err", "-error_file", str(errors)]
    for name, default in (("-m", ("1",)), ("-timeout", ("60s", "-timeout_error"))):
        command += [] if name in options else [name, *default]
    process = await asyncio.create_subprocess_exec(
        *command,
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            _, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = errors.read_text(errors="replace")[:4000] if errors.exists() else ""
    assert process.returncode == 0, f"{scenario}: sipp left with {process.returncode}\n{said}\n{stderr.decode()}"
