"""Triton as a process that a test can start, kill and start again."""

import asyncio
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from voiceplane.cli.ports import free_ports
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.server import shared_memory

START_S = 60.0


def free_port() -> int:
    """Return a port that no outgoing connection and no other test takes before its process binds it."""
    return next(free_ports())


@dataclass(slots=True)
class Triton:
    """One server process on one set of ports; it can be killed and started again."""

    command: list[str]
    endpoint: str
    log: Path
    environment: dict[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(self.command, stdout=sink, stderr=sink, env=self.environment)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
            left = Path(shared_memory(int(self.endpoint.rpartition(":")[2])))
            for path in left.parent.glob(left.name):  # a killed server leaves it
                path.unlink()

    async def until(self, *models: str) -> None:
        """Wait until these models are ready."""
        deadline = time.monotonic() + START_S
        async with TritonSpeech((self.endpoint,)) as speech:
            while True:
                ready = await speech.health()
                if all(ready[model] for model in models):
                    return
                assert time.monotonic() < deadline, f"not ready: {ready}; {self.log.read_text()[-2000:]}"
                assert self.process is not None and self.process.poll() is None, self.log.read_text()[-2000:]
                await asyncio.sleep(0.2)
