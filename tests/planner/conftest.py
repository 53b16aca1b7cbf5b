"""What the planner's tests share: the model, the example agent, and a planner process that really runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from voiceplane.cli.ports import free_ports
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/parcel-desk.yaml"
STOP_S = 30.0


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle(EXAMPLE.read_text())


@pytest.fixture(scope="session")
def planner(bundle: Bundle, embedder: Embedder) -> FlowPlanner:
    return FlowPlanner(bundle.agent.spec, Understanding(bundle.agent.spec, embedder))


@dataclass(frozen=True, slots=True)
class PlannerProcess:
    """A running `python -m voiceplane.planner serve`."""

    process: subprocess.Popen[bytes]
    target: str
    metrics_port: int
    log: Path

    def pids(self) -> dict[int, str]:
        """Return every process below it, with its command line."""
        return descendants(self.process.pid)

    def replicas(self) -> list[int]:
        return sorted(pid for pid, line in self.pids().items() if line.startswith("ray::ServeReplica:planner"))

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


def descendants(root: int) -> dict[int, str]:
    """Read the process tree from /proc."""
    parents: dict[int, list[int]] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            stat = (entry / "stat").read_text()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it ended while we looked
            continue
        fields = stat.rpartition(")")[2].split()
        if fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            lines[int(entry.name)] = command
    found: dict[int, str] = {}
    waiting = [root]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            found[child] = lines[child]
            waiting.append(child)
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port() -> int:
    """Return a port that no outgoing connection and no other test takes before its process binds it."""
    return next(free_ports())


class Collector(otlp_grpc.TraceServiceServicer):
    """Keeps the spans that the replicas send."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def Export(self, request: otlp.ExportTraceServiceRequest, context: Any) -> otlp.ExportTraceServiceResponse:
        self.spans += [span for sent in request.resource_spans for scope in sent.scope_spans for span in scope.spans]
        return otlp.ExportTraceServiceResponse()


@pytest.fixture(scope="session")
def collector() -> Iterator[tuple[Collector, str]]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = Collector()
    otlp_grpc.add_TraceServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer, f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def start_planner(folder: Path, *, replicas: int, otlp_endpoint: str, agent: Path = EXAMPLE) -> PlannerProcess:
    port, metrics = free_port(), free_port()
    log = folder / "planner.log"
    command = [sys.executable, "-m", "voiceplane.planner", "serve", "--agent", str(agent), "--grpc-port", str(port)]
    command += ["--metrics-port", str(metrics), "--replicas", str(replicas), "--otlp-endpoint", otlp_endpoint]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=sink,
            env=os.environ | {"PYTHONPATH": str(ROOT / "services")},
            start_new_session=True,
        )
    assert process.stdout is not None
    ready = process.stdout.readline()  # a planner that cannot start closes it; pytest's timeout ends one that hangs
    process.stdout.close()
    assert ready.startswith(b"ready grpc="), log.read_text()[-3000:]
    return PlannerProcess(process, f"127.0.0.1:{port}", metrics, log)


def stop_hard(running: PlannerProcess) -> None:
    """End what a failed test left."""
    for pid in [*running.pids(), running.process.pid]:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    if running.process.poll() is None:
        running.process.wait(STOP_S)


def gone(pids: list[int], within_s: float) -> list[int]:
    """Wait for processes to end; return those that did not."""
    deadline = time.monotonic() + within_s
    left = [pid for pid in pids if alive(pid)]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if alive(pid)]
    return left


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory, collector: tuple[Collector, str]) -> Iterator[PlannerProcess]:
    running = start_planner(tmp_path_factory.mktemp("planner"), replicas=2, otlp_endpoint=collector[1])
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            try:
                running.process.wait(STOP_S)
            finally:
                stop_hard(running)
