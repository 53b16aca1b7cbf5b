"""Ray over several pods without KubeRay: a head with the application, and workers that join it. Read by __main__.

The head keeps Ray's state on a volume of its pod: when its container starts again, workers and their replicas go on.
When the whole pod is replaced, its workers answer with what they have until another head is ready, then join that.
"""

import contextlib
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ray
from ray import serve
from ray.serve import RunTarget
from ray.serve.config import gRPCOptions

from voiceplane.planner.deployment import APPLICATION, DRAIN_S, OBJECT_STORE_BYTES, QUIET, SERVICERS, PlannerReplica
from voiceplane.planner.heads import addresses, replaced
from voiceplane.runtime.clock import Clock, SystemClock

log = logging.getLogger(__name__)
RAY_PORT = 6379
START_S = 120.0  # two busy cores take 15 s
POLL_S = 1.0
ALONE_S = 1800  # how long workers answer without a head: longer than a cluster takes to find it a new place
LEAVE_SPREAD_S = 10.0  # workers join a new head one after another
STOP_S = 20.0
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAY_AUTH_MODE": "disabled",  # whatever token lies in the image; the network policy lets in the agent's own pods
    "RAY_gcs_rpc_server_reconnect_timeout_s": str(ALONE_S),
    "RAY_gcs_server_request_timeout_seconds": "5",  # of one question to a head that is away
}


class NodeError(Exception):
    """A node of Ray did not start or ended; the message says which."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Where a node is, and what it offers."""

    address: str  # of this pod, as others reach it
    ray_port: int = RAY_PORT
    cpus: int = 2
    clock: Clock = SystemClock()


@dataclass(frozen=True, slots=True)
class Application:
    """What the head serves: the agents as YAML texts, in how many replicas, one for each node."""

    agents: tuple[str, ...]
    replicas: int
    host: str
    grpc_port: int
    http_port: int
    otlp_endpoint: str | None


def lead(settings: NodeSettings, application: Application, state: Path, stop: threading.Event) -> Iterator[str]:
    """Run a head until `stop`; yields once, when a replica serves. Raises NodeError."""
    os.environ |= ENVIRONMENT | {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(state)}
    state.mkdir(parents=True, exist_ok=True)
    options = ["--head", f"--port={settings.ray_port}", "--include-dashboard=false", "--disable-usage-stats"]
    with _node(settings, options) as process:
        _connect(settings, process)
        _deploy(application)
        if _until_served(process, stop, settings.clock):
            yield f"grpc={application.grpc_port}"
            _watch(process, stop)
            time.sleep(DRAIN_S)  # the pod takes no new requests: what was begun may end


def follow(settings: NodeSettings, head: str, stop: threading.Event) -> None:
    """Run a worker of the head that a name leads to, until `stop` or until another head has taken its place."""
    os.environ |= ENVIRONMENT
    joined = ""
    while not joined:
        if stop.wait(POLL_S):
            return
        joined = next(iter(sorted(addresses(head))), "")
    with _node(settings, [f"--address={joined}:{settings.ray_port}"]) as process:
        while not stop.wait(POLL_S):
            _alive(process)
            if replaced(joined, addresses(head)):
                stop.wait(random.uniform(0, LEAVE_SPREAD_S))  # noqa: S311  (no secret)
                return
        time.sleep(DRAIN_S)


@contextlib.contextmanager
def _node(settings: NodeSettings, options: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run Ray's own processes until the block ends."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *options, "--block"]
    command += [f"--node-ip-address={settings.address}", f"--num-cpus={settings.cpus}"]
    command += [f"--object-store-memory={OBJECT_STORE_BYTES}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        yield process
    finally:
        if ray.is_initialized():
            ray.shutdown()
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _connect(settings: NodeSettings, process: subprocess.Popen[bytes]) -> None:
    deadline = settings.clock.monotonic() + START_S
    while True:
        _alive(process)
        try:
            ray.init(f"{settings.address}:{settings.ray_port}", logging_level=logging.WARNING, log_to_driver=False,
                     namespace="serve", _node_ip_address=settings.address)  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError) as error:
            if settings.clock.monotonic() > deadline:
                raise NodeError(f"Ray did not start within {START_S:g} s") from error
            time.sleep(POLL_S)
        else:
            return


def _deploy(application: Application) -> None:
    """Deploy the application, unless Ray still has it from before: a pod's agents never change."""
    if APPLICATION in serve.status().applications:
        return
    serve.start(
        proxy_location="EveryNode",
        http_options={"host": application.host, "port": application.http_port},
        grpc_options=gRPCOptions(port=application.grpc_port, grpc_servicer_functions=SERVICERS),
        logging_config=QUIET,
    )
    bound = PlannerReplica.options(  # type: ignore[attr-defined]
        num_replicas=application.replicas, max_replicas_per_node=1
    ).bind(application.agents, application.otlp_endpoint)
    target = RunTarget(bound, APPLICATION, "/planner", QUIET)
    serve.run_many([target], wait_for_applications_running=False)  # the replicas of workers come when those do


def _until_served(process: subprocess.Popen[bytes], stop: threading.Event, clock: Clock) -> bool:
    """Wait until a replica runs; those of workers come when the workers do."""
    deadline = clock.monotonic() + START_S
    while not stop.wait(POLL_S):
        _alive(process)
        found = serve.status().applications.get(APPLICATION)
        deployments = found.deployments.values() if found is not None else ()
        if any(state == "RUNNING" for one in deployments for state, count in one.replica_states.items() if count):
            return True
        if clock.monotonic() > deadline:
            raise NodeError(f"no replica of the planner ran within {START_S:g} s")
    return False


def _watch(process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    while not stop.wait(POLL_S):
        _alive(process)


def _alive(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise NodeError(f"a process of Ray ended: ray start returned {process.returncode}")
