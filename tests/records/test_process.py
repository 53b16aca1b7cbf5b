"""`python -m voiceplane.records serve` as its operator sees it."""

import asyncio
import os
import re
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.records import samples

from voiceplane.records import client
from voiceplane.records.store import open_store
from voiceplane.runtime import grpc_server
from voiceplane.runtime.outbox import OutboxLimits

ROOT = Path(__file__).parents[2]


async def _start(url: str, port: int = 0) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error::ResourceWarning", "-m", "voiceplane.records", "serve", "--database-url", url),
        *("--grpc-port", str(port), "--keep-audits-days", "0"),  # the samples are of 2023
        env={**os.environ, "PYTHONPATH": str(ROOT / "services")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _ready(process: asyncio.subprocess.Process) -> tuple[int, int]:
    """Return the ports for gRPC and metrics."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = (await process.stdout.readline()).decode()
    found = re.fullmatch(r"ready grpc=(\d+) http=\d+ metrics=(\d+)\n", line)
    assert found, line
    return int(found[1]), int(found[2])


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def test_a_killed_process_loses_no_record(database_url: str, tmp_path: Path) -> None:
    limits = OutboxLimits(send_s=2.0, first_retry_s=0.05, last_retry_s=0.2, drain_s=20)
    first = await _start(database_url)
    second: asyncio.subprocess.Process | None = None
    try:
        port, _ = await _ready(first)
        async with client.open_client(f"127.0.0.1:{port}", tmp_path / "spool", limits=limits) as sender:
            for number in range(60):
                sender.append(samples.audit(f"{number:03}", at=samples.START + number))
            async with asyncio.timeout(20):
                while sender.waiting > 50:  # noqa: ASYNC110 - some are delivered, most are not
                    await asyncio.sleep(0.001)
            await _kill(first)
            for number in range(60, 70):
                sender.append(samples.audit(f"{number:03}", at=samples.START + number))
            second = await _start(database_url, port)
            await _ready(second)
        assert sender.waiting == 0
    finally:
        await _kill(first)
        if second is not None:
            await _kill(second)
    async with open_store(database_url) as store:
        assert [audit.id for audit in await store.audits(samples.CALL_ID)] == [f"{number:03}" for number in range(70)]


async def test_the_process_serves_until_sigterm_and_loses_nothing(database_url: str, tmp_path: Path) -> None:
    process = await _start(database_url)
    try:
        port, metrics_port = await _ready(process)
        target = f"127.0.0.1:{port}"
        assert await grpc_server.healthy(target, timeout_s=5)
        async with client.open_client(target, tmp_path / "spool", limits=OutboxLimits(drain_s=60)) as sender:
            sender.append(samples.call())
        assert (await client.read_call(target, "latest"))[0] == samples.call()

        def metrics() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as reply:
                text: str = reply.read().decode()
                return text

        assert 'voiceplane_records_appended_total{kind="call"} 1.0' in await asyncio.to_thread(metrics)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            _, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, stderr
    assert samples.call().caller_pii not in stderr.decode() and "Traceback" not in stderr.decode()
    async with open_store(database_url) as store:
        assert len(await store.calls()) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [("mysql://x/y", "sqlite or postgresql"), ("postgresql://nobody@127.0.0.1:1/x", "database does not answer")],
)
async def test_a_process_that_cannot_start_says_why_in_one_line(url: str, words: str) -> None:
    process = await _start(url)
    async with asyncio.timeout(30):
        _, stderr = await process.communicate()
    assert process.returncode == 1
    assert words in stderr.decode() and "Traceback" not in stderr.decode()
