"""A real gateway beside a real Triton that is killed and comes back: readiness, OPTIONS and new calls follow it."""

import asyncio
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.speech.triton import Triton, free_port

from voiceplane.runtime import grpc_server
from voiceplane.testing.phone import CallRefused, Phone, PhoneSettings

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
OPTIONS = """OPTIONS sip:agent@127.0.0.1:{port} SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{number}\r
From: <sip:probe@127.0.0.1>;tag=1\r
To: <sip:agent@127.0.0.1>\r
Call-ID: probe-{number}\r
CSeq: 1 OPTIONS\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""


@dataclass(slots=True)
class Gateway:
    sip: int
    grpc: int
    metrics: int
    probes: int = 0

    async def readyz(self) -> tuple[int, str]:
        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/readyz", timeout=5) as reply:
                    return reply.status, reply.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        return await asyncio.to_thread(ask)

    async def options(self) -> str:
        """Return the answer to an OPTIONS probe, as a trunk sends it."""
        self.probes += 1

        def ask() -> str:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                probe.settimeout(5)
                own = probe.getsockname()[1]
                request = OPTIONS.format(port=self.sip, own=own, number=self.probes)
                probe.sendto(request.encode(), ("127.0.0.1", self.sip))
                return probe.recv(4096).decode()

        return await asyncio.to_thread(ask)

    async def until(self, ready: bool) -> str:
        async with asyncio.timeout(30):
            while True:
                status, body = await self.readyz()
                if (status == 200) is ready:
                    return body
                await asyncio.sleep(0.1)


@pytest.fixture
def gateway_beside(tmp_path: Path) -> Iterator[Callable[[str], Gateway]]:
    """Start a gateway that asks this speech server; the other back ends are away, as they may be before a call."""
    started: list[subprocess.Popen[bytes]] = []

    def start(speech: str) -> Gateway:
        gateway = Gateway(free_port(), free_port(), free_port())
        options = {
            "agent": AGENT,
            "sip": f"127.0.0.1:{gateway.sip}",
            "rtp-ports": "23000-23099",
            "speech": speech,
            "spool": tmp_path / "spool",
            "grpc-port": gateway.grpc,
            "metrics-port": gateway.metrics,
        }
        command = [f"--{name}={value}" for name, value in options.items()]
        with (tmp_path / "gateway.log").open("wb") as log:
            started.append(
                subprocess.Popen([sys.executable, "-m", "voiceplane.call", "serve", *command], stdout=log, stderr=log)
            )
        return gateway

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def answers(gateway: Gateway) -> None:
    """Place a call that must come in."""
    phone = Phone(f"sip:parcel-desk@127.0.0.1:{gateway.sip}", PhoneSettings())
    async with phone as call:
        await call.hang_up()


async def until_connects(gateway: Gateway) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await gateway.readyz()
                return
            except OSError:
                await asyncio.sleep(0.2)


async def test_a_gateway_whose_speech_dies_takes_no_new_calls_says_why_and_comes_back(
    make_triton: Callable[[], Triton], gateway_beside: Callable[[str], Gateway]
) -> None:
    triton = make_triton()
    triton.start()
    await triton.until("asr", "turn", "tts")
    gateway = gateway_beside(triton.endpoint)
    await until_connects(gateway)
    await gateway.until(ready=True)
    target = f"127.0.0.1:{gateway.grpc}"
    assert await grpc_server.healthy(target)
    assert (await gateway.options()).startswith("SIP/2.0 200")
    await answers(gateway)

    triton.stop(signal.SIGKILL)
    reason = await gateway.until(ready=False)
    assert triton.endpoint in reason and "does not answer" in reason
    assert not await grpc_server.healthy(target)
    answer = await gateway.options()
    assert answer.startswith("SIP/2.0 503") and "Retry-After: 5" in answer
    with pytest.raises(CallRefused) as refused:
        await answers(gateway)
    assert refused.value.status == 503

    triton.start()
    await gateway.until(ready=True)
    assert await grpc_server.healthy(target)
    assert (await gateway.options()).startswith("SIP/2.0 200")
    await answers(gateway)
