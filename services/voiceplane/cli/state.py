"""Where the stack of this machine keeps its state, and the endpoints by which other commands find it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoints:
    """HOST:PORT of each part of a running stack."""

    pid: int  # of the supervisor
    agent: str
    sip: str
    gateway: str
    records: str
    speech: str
    planner: str
    tools: str
    parcels: str = ""


def state_root() -> Path:
    """Return voiceplane's folder for state: XDG_STATE_HOME, else ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "voiceplane"


def stack_folder() -> Path:
    """Return the folder of the stack of this machine: logs, records and stack.json."""
    return state_root() / "dev"


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Hold the folder for one stack inside the block; False while another process does. The kernel ends a dead claim.

    Endpoints are published late and withdrawn early, so they do not tell of a stack that starts or stops.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def write_endpoints(endpoints: Endpoints, folder: Path) -> None:
    """Publish the endpoints; a reader sees the old file or the new one, never a part."""
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".stack.{endpoints.pid}.json"
    scratch.write_text(json.dumps(asdict(endpoints), indent=2) + "\n")
    scratch.replace(folder / "stack.json")


def read_endpoints(folder: Path) -> Endpoints | None:
    """Return the endpoints of a running stack; None when there is none or its supervisor is gone."""
    try:
        endpoints = Endpoints(**json.loads((folder / "stack.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return endpoints if Path(f"/proc/{endpoints.pid}").exists() else None


def remove_endpoints(folder: Path) -> None:
    """Withdraw our endpoints; those of another supervisor stay."""
    endpoints = read_endpoints(folder)
    if endpoints is None or endpoints.pid == os.getpid():
        (folder / "stack.json").unlink(missing_ok=True)
