"""Both databases for every test of the store: SQLite, and a real PostgreSQL started here and ended by its pid."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from voiceplane.records.store import Store, open_store


def _binaries() -> Path:
    """Find a folder with the server and its tools: Debian keeps them out of the PATH."""
    places = [*sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True), *os.environ["PATH"].split(":")]
    for place in map(Path, places):
        if all((place / name).exists() for name in ("initdb", "postgres", "pg_isready", "createdb")):
            return place
    pytest.fail("PostgreSQL is missing: apt-get install postgresql", pytrace=False)


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root: name a way to be somebody else, or nothing when we are somebody else."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[tuple[int, Path]]:
    binaries, become = _binaries(), _as_postgres()
    # Not below pytest's own folder: only its owner may enter that.
    home = Path("/tmp") / f"voiceplane-pg-{os.getpid()}"
    home.mkdir(mode=0o700)
    if become:
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
    data = home / "data"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    subprocess.run(
        [*become, binaries / "initdb", "-D", data, "-U", "voiceplane", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
        cwd="/",
        env=environment,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(home), "-c", "fsync=off", "-c", "log_min_messages=fatal"]
    server = subprocess.Popen([*become, binaries / "postgres", "-D", data, *options], cwd="/", env=environment)
    try:
        deadline = time.monotonic() + 30
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False, timeout=10).returncode != 0:
            assert server.poll() is None, "postgres ended at its start"
            assert time.monotonic() < deadline, "postgres does not get ready"
            time.sleep(0.05)
        yield port, binaries
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: tuple[int, Path], request: pytest.FixtureRequest) -> str:
    """A database of its own for one test."""
    port, binaries = postgres_server
    name = f"t{abs(hash(request.node.nodeid))}"
    subprocess.run(
        [binaries / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "voiceplane", name], check=True, timeout=30
    )
    return f"postgresql://voiceplane@127.0.0.1:{port}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/records.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url) as opened:
        yield opened
