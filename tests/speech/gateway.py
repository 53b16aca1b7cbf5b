"""A gateway as a process of its own, and what probes, trunks and callers see of it."""

import asyncio
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.speech.triton import free_port

from voiceplane.testing.phone import Phone, PhoneSettings

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
REQUEST = """{method} sip:agent@127.0.0.1:{port} SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{number}\r
From: <sip:probe@127.0.0.1>;tag=1\r
To: <sip:agent@127.0.0.1>\r
Call-ID: probe-{number}\r
CSeq: 1 {method}\r
Contact: <sip:probe@127.0.0.1:{own}>\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""


@dataclass(slots=True)
class Gateway:
    sip: int
    grpc: int
    metrics: int
    log: Path
    process: subprocess.Popen[bytes]
    probes: int = 0

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.grpc}"

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
        return await self.asked("OPTIONS")

    async def asked(self, method: str) -> str:
        """Return the first answer to a request, as it stands on the wire."""
        self.probes += 1

        def ask() -> str:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                probe.settimeout(5)
                facts = {"port": self.sip, "own": probe.getsockname()[1], "number": self.probes}
                probe.sendto(REQUEST.format(method=method, **facts).encode(), ("127.0.0.1", self.sip))
                answer = probe.recv(4096).decode()
                if method == "INVITE":
                    probe.sendto(REQUEST.format(method="ACK", **facts).encode(), ("127.0.0.1", self.sip))
                return answer

        return await asyncio.to_thread(ask)

    async def until(self, ready: bool) -> str:
        return await self.until_says(lambda status, _: (status == 200) is ready)

    async def until_says(self, wanted: Callable[[int, str], bool]) -> str:
        """Wait until /readyz answers what is wanted; return its body."""
        async with asyncio.timeout(60):
            while True:
                try:
                    status, body = await self.readyz()
                except OSError:  # not up yet
                    assert self.process.poll() is None, self.log.read_text()[-3000:]
                else:
                    if wanted(status, body):
                        return body
                await asyncio.sleep(0.1)

    def spooled(self) -> list[Path]:
        """Return the files in which records wait: their process is away."""
        return [path for path in (self.log.parent / "spool").rglob("*") if path.is_file()]

    def phone(self) -> Phone:
        return Phone(f"sip:parcel-desk@127.0.0.1:{self.sip}", PhoneSettings())

    async def answers(self) -> None:
        """Place a call that must come in."""
        async with self.phone() as call:
            await call.hang_up()

    async def left(self) -> int:
        """Wait for the process's end; return its exit status."""
        return await asyncio.to_thread(self.process.wait, 30)


def start_gateway(speech: str, folder: Path, *limits: str, agent: Path = AGENT) -> Gateway:
    """Start a gateway that asks this speech server; the other back ends are away, as they may be before a call."""
    sip, grpc, metrics = free_port(), free_port(), free_port()
    options = {
        "agent": agent,
        "sip": f"127.0.0.1:{sip}",
        "rtp-ports": "23000-23099",
        "speech": speech,
        "spool": folder / "spool",
        "grpc-port": grpc,
        "metrics-port": metrics,
    }
    command = [f"--{name}={value}" for name, value in options.items()]
    log = folder / f"gateway-{sip}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "voiceplane.call", "serve", *command, *limits], stdout=sink, stderr=sink
        )
    return Gateway(sip, grpc, metrics, log, process)


def stop_gateway(gateway: Gateway) -> None:
    gateway.process.terminate()
    try:
        gateway.process.wait(20)
    except subprocess.TimeoutExpired:
        gateway.process.kill()
        gateway.process.wait()
