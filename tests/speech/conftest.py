"""A real Triton with the models of cpu-small, once for all tests here, and what tests need to make and stop others."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.speech.gateway import Gateway, start_gateway, stop_gateway
from tests.speech.triton import Triton, free_port

from voiceplane.speech.client import TritonSpeech


@pytest.fixture(scope="session")
def make_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Triton]]:
    """Make a server of the profile on free ports; it is not started, and ends with the tests."""
    made: list[Triton] = []
    folder = tmp_path_factory.mktemp("triton")

    def make() -> Triton:
        ports = [free_port() for _ in range(3)]
        names = ("--grpc-port", "--http-port", "--metrics-port")
        options = [text for name, port in zip(names, ports, strict=True) for text in (name, str(port))]
        command = [sys.executable, "-m", "voiceplane.speech", "serve", *options]
        environment = {**os.environ, "TMPDIR": str(folder)}  # its model repository goes with the test's files
        made.append(Triton(command, f"127.0.0.1:{ports[0]}", folder / f"{len(made)}.log", environment))
        return made[-1]

    yield make
    for triton in made:
        triton.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def endpoint(make_triton: Callable[[], Triton]) -> str:
    """Return the address of a running server with every model."""
    triton = make_triton()
    triton.start()
    await triton.until("asr", "turn", "tts", "asr_second")
    return triton.endpoint


@pytest_asyncio.fixture(loop_scope="session")
async def speech(endpoint: str) -> AsyncIterator[TritonSpeech]:
    async with TritonSpeech((endpoint,)) as opened:
        yield opened


@pytest.fixture
def gateway_beside(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway beside this speech server, with these limits; it ends with the test."""
    started: list[Gateway] = []

    def start(speech: str, *limits: str) -> Gateway:
        started.append(start_gateway(speech, tmp_path, *limits))
        return started[-1]

    yield start
    for gateway in started:
        stop_gateway(gateway)


@pytest.fixture(scope="session")
def flite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Say words with flite's voice rms; return a 16 kHz WAV file."""
    folder = tmp_path_factory.mktemp("flite")

    def say(words: str) -> Path:
        path = folder / f"{abs(hash(words))}.wav"
        if not path.exists():
            subprocess.run(["flite", "-voice", "rms", "-t", words, "-o", str(path)], check=True, timeout=20)
        return path

    return say
