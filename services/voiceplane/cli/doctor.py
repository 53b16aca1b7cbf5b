"""`voiceplane doctor`: what this machine lacks and how to get it. Each check is a function that returns a finding."""

import argparse
import asyncio
import importlib.util
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from voiceplane.cli.arguments import addresses
from voiceplane.cli.ports import SIP_PORT, is_free
from voiceplane.cli.state import read_endpoints, stack_folder
from voiceplane.runtime.clock import SystemClock
from voiceplane.runtime.models import ModelUnavailableError, cache_root, catalogue
from voiceplane.speech.environment import libpython_folder, triton_environment
from voiceplane.speech.profiles import DEFAULT, models_of

EPILOG = """examples:
  voiceplane doctor
  voiceplane doctor --quiet                   only what is not in order
  voiceplane doctor --speech 10.0.0.7:8001    the models of a Triton that runs elsewhere, and why one is not loaded
  voiceplane doctor --speech 10.0.0.7:8001 --profile cpu-base    and whether they are those of this speech profile

A stack that runs on this machine is asked too, and whether its models are those of its agent's profile.
exit status: 0 all that a stack needs is here, 1 something needed is missing; optional things never fail
"""
_NEEDED_BYTES = 4 << 30  # Ray about 1 GiB, Triton with three models about 1 GiB, the rest, and air
_DISK_BYTES = 3 << 30
# Debian package, a program or file of it, what it is for, needed for a stack
_PACKAGES = (
    ("libpython3.11", None, "Triton's Python backend links it", True),
    ("flite", "flite", "a voice for `voiceplane call` without a stack", False),
    ("sip-tester", "sipp", "SIP load tests", False),
    ("postgresql", "/usr/lib/postgresql", "tests of the records on PostgreSQL", False),
    ("tshark", "tshark", "looking at SIP and RTP on the wire", False),
)
_MODULES = ("grpc", "aiosipua", "aiortp", "G722", "numpy", "onnxruntime", "tritonclient", "ray", "httpx", "sqlalchemy")


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    OPTIONAL = "optional"  # not here, and no stack needs it


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "doctor",
        help="say what this machine lacks and how to get it",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="print only what is not in order")
    parser.add_argument(
        "--speech", type=addresses, metavar="HOST:PORT", help="ask this Triton; several separated by commas"
    )
    parser.add_argument("--profile", metavar="NAME", help="hold the models that are served against this speech profile")
    parser.add_argument("--records", metavar="HOST:PORT", help="try the way of a region to these records")
    parser.add_argument(
        "--records-tls", type=Path, metavar="FOLDER", help="with the region's tls.crt, tls.key and ca.crt"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run every check and print a line for each."""
    found = [finding for check in CHECKS for finding in check()]
    found += _servers(options.speech, options.profile)
    found += _records(options.records, options.records_tls)
    for finding in found:
        if options.quiet and finding.verdict is Verdict.OK:
            continue
        print(f"{finding.verdict:<9} {finding.what:<22} {finding.detail}")
        if finding.remedy and finding.verdict is not Verdict.OK:
            print(f"{'':<9} {'':<22} -> {finding.remedy}")
    missing = sum(finding.verdict is Verdict.MISSING for finding in found)
    print(f"{missing} missing" if missing else f"ready: {_next()}")
    return 1 if missing else 0


def _next() -> str:
    """Return the command to go on with: a stack that runs can be called."""
    running = read_endpoints(stack_folder())
    return "voiceplane call --say WORDS" if running is not None else "voiceplane dev docs/examples/parcel-desk.yaml"


def _servers(speech: str | None, profile: str | None) -> Iterable[Finding]:
    """Ask what runs. Imported here, because it needs packages whose absence the checks above are to tell."""
    try:
        from voiceplane.cli.running import see
    except ImportError:
        return
    try:
        for seen in see(speech, read_endpoints(stack_folder()), profile):
            yield _found(seen.what, seen.serves, seen.detail, seen.remedy)
    except ModelUnavailableError as error:
        yield Finding("profile", Verdict.MISSING, str(error), "name one of those")


def _records(target: str | None, folder: Path | None) -> Iterable[Finding]:
    """Try the certificates between clusters. Imported here as above."""
    if target is None or folder is None:
        if target is not None or folder is not None:
            yield Finding("records", Verdict.MISSING, "nothing was tried", "name both --records and --records-tls")
        return
    from voiceplane.runtime import tls_problem

    problem = asyncio.run(tls_problem.why(target, folder))
    detail = problem or f"{target} and the region prove who they are"
    yield _found("records", not problem, detail, "see docs/remote-region.md, steps 1 to 3")


def python() -> Iterable[Finding]:
    """Check the interpreter and its packages."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    right = sys.version_info[:2] == (3, 11)
    yield _found("python 3.11", right, f"{version} at {sys.executable}", "install Python 3.11, then: make setup")
    lacking = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    yield _found("python packages", not lacking, ", ".join(lacking) or "all importable", "make setup")


def debian_packages() -> Iterable[Finding]:
    """Check the programs that come from Debian."""
    for package, evidence, purpose, needed in _PACKAGES:
        if evidence is None:
            try:
                present = bool(libpython_folder())
            except ModelUnavailableError:
                present = False
        elif evidence.startswith("/"):
            present = Path(evidence).exists()
        else:
            present = shutil.which(evidence) is not None
        yield _found(package, present, purpose, f"apt-get install {package}", needed=needed)


def models() -> Iterable[Finding]:
    """Check Triton and every model, by digest."""
    environment = triton_environment()
    yield _found("triton", environment.present, str(environment.root), "voiceplane install")
    needed = models_of((DEFAULT,))
    for model in catalogue().values():
        detail = f"sha256:{model.digest[:16]} {model.licence}, {model.about}"
        remedy = "voiceplane install" if model in needed else "voiceplane install --all"
        yield _found(f"model {model.name}", model.present, detail, remedy, needed=model in needed)


def machine() -> Iterable[Finding]:
    """Check memory, disk and cores."""
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    available = _available_memory() or pages
    yield _found("memory", available >= _NEEDED_BYTES, f"{available / 2**30:.1f} GiB available", "free 4 GiB")
    folder = cache_root()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    yield _found("disk", free >= _DISK_BYTES, f"{free / 2**30:.1f} GiB free at {folder}", "free 3 GiB there")
    cores = len(os.sched_getaffinity(0))
    yield _found("cores", cores >= 2, f"{cores}", "two cores are the least for a call in real time")


def network() -> Iterable[Finding]:
    """Check the SIP port and that datagrams pass the loopback."""
    running = read_endpoints(stack_folder())
    if running is not None:
        yield Finding("stack", Verdict.OK, f"runs as process {running.pid}: {running.sip}")
    else:
        free = is_free(SIP_PORT)
        yield _found(
            f"port {SIP_PORT}", free, "free" if free else "taken", "dev takes another port by itself", needed=False
        )
    yield _found("udp on loopback", _datagram_passes(), "127.0.0.1", "allow UDP on the loopback in your firewall")


def clock() -> Iterable[Finding]:
    """Check that a 20 ms sleep is about that long: RTP pacing depends on it."""
    now, pause, worst = SystemClock(), threading.Event(), 0.0
    for _ in range(25):
        began = now.monotonic()
        pause.wait(0.02)
        worst = max(worst, (now.monotonic() - began - 0.02) * 1000)
    yield _found(
        "clock", worst < 20.0, f"20 ms sleeps are at most {worst:.1f} ms late", "stop what keeps the cores busy"
    )
    date = datetime.fromtimestamp(now.wall_ns() / 1e9, UTC)
    yield _found("date", date.year >= 2026, f"{date:%Y-%m-%d}", "set the date: records and traces carry it")


CHECKS: tuple[Callable[[], Iterable[Finding]], ...] = (python, debian_packages, models, machine, network, clock)


def _found(what: str, good: bool, detail: str, remedy: str, *, needed: bool = True) -> Finding:
    verdict = Verdict.OK if good else Verdict.MISSING if needed else Verdict.OPTIONAL
    return Finding(what, verdict, detail, remedy)


def _available_memory() -> int | None:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _datagram_passes() -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        try:
            one.bind(("127.0.0.1", 0))
            one.settimeout(1.0)
            two.sendto(b"ping", one.getsockname())
            return one.recv(16) == b"ping"
        except OSError:
            return False
