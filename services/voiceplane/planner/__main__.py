"""The planner's process: `python -m voiceplane.planner serve`. Starts Ray on this machine and serves until SIGTERM.

`head` and `worker` are the pods of a Ray over several pods, where no KubeRay makes them (nodes.py).
"""

import argparse
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.runtime import logs
from voiceplane.runtime.models import ModelUnavailableError, catalogue, fetch, model

if TYPE_CHECKING:
    from voiceplane.planner.nodes import NodeSettings


class PlannerStartError(Exception):
    """The planner cannot start; the message says what to change."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voiceplane.planner", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="fetch the sentence embedding model; quick when it is there")
    serve = commands.add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--agent", action="append", required=True, type=Path, help="VoiceAgent YAML; repeatable")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--grpc-port", type=int, default=9000)
    serve.add_argument("--metrics-port", type=int, default=0)
    serve.add_argument("--replicas", type=int, default=1)
    serve.add_argument("--otlp-endpoint", default=None)
    serve.add_argument("--log-level", default="INFO")
    head = commands.add_parser("head", help="run the head of a Ray of several pods, and the application on it")
    head.add_argument("--agent", action="append", required=True, type=Path, help="VoiceAgent YAML; repeatable")
    head.add_argument("--host", default="127.0.0.1", help="where each node's proxy listens")
    head.add_argument("--grpc-port", type=int, default=9000)
    head.add_argument("--http-port", type=int, default=8000)
    head.add_argument("--replicas", type=int, default=1, help="one for each node, the head's among them")
    head.add_argument("--state", required=True, type=Path, help="folder that outlives this process")
    head.add_argument("--otlp-endpoint", default=None)
    worker = commands.add_parser("worker", help="run a node that joins the head")
    worker.add_argument("--head", required=True, metavar="HOST", help="name that leads to the heads that are ready")
    for node in (head, worker):
        node.add_argument("--address", required=True, help="of this pod, as the others reach it")
        node.add_argument("--ray-port", type=int, default=6379)
        node.add_argument("--cpus", type=int, default=2)
    return parser.parse_args(argv)


def _agents(options: argparse.Namespace) -> tuple[str, ...]:
    """Read the agents; what keeps a replica from starting is said now, not by the replica."""
    agents = tuple(path.read_text() for path in options.agent)
    for text in agents:
        load_bundle(text)
    model("minilm-l6-v2")
    return agents


def _head(options: argparse.Namespace) -> None:
    stop = threading.Event()
    _on_signals(stop)
    agents = _agents(options)
    from voiceplane.planner import nodes

    application = nodes.Application(
        agents,
        replicas=options.replicas,
        host=options.host,
        grpc_port=options.grpc_port,
        http_port=options.http_port,
        otlp_endpoint=options.otlp_endpoint,
    )
    with _told():
        for ready in nodes.lead(_node(options), application, options.state, stop):
            _on_signals(stop)  # Ray sets its own
            _say(ready)


def _worker(options: argparse.Namespace) -> None:
    stop = threading.Event()
    _on_signals(stop)
    from voiceplane.planner import nodes

    with _told():
        nodes.follow(_node(options), options.head, stop)


def _node(options: argparse.Namespace) -> "NodeSettings":
    from voiceplane.planner.nodes import NodeSettings

    return NodeSettings(options.address, ray_port=options.ray_port, cpus=options.cpus)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    from voiceplane.planner.nodes import NodeError

    try:
        yield
    except NodeError as error:
        raise PlannerStartError(str(error)) from error


def _say(ready: str) -> None:
    sys.stdout.write(f"ready {ready}\n")
    sys.stdout.flush()


def _serve(options: argparse.Namespace) -> None:
    stop = threading.Event()
    _on_signals(stop)
    agents = _agents(options)
    _check_free(options.host, options.grpc_port)
    from voiceplane.planner.deployment import LocalRay, PlannerSettings  # ray takes seconds: not for --help, install

    running = LocalRay(
        PlannerSettings(
            agents,
            host=options.host,
            grpc_port=options.grpc_port,
            http_port=_free_port(),
            metrics_port=options.metrics_port,
            replicas=options.replicas,
            otlp_endpoint=options.otlp_endpoint,
        )
    )
    try:
        running.start()
        _on_signals(stop)  # Ray sets its own
        _say(f"grpc={options.grpc_port}")
        stop.wait()
    finally:
        running.stop()


def _on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PlannerStartError(f"cannot listen on {host}:{port}: is the port taken?") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_RUN = {"serve": _serve, "head": _head, "worker": _worker}


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; the exit status is 1 when it could not start."""
    options = _arguments(argv)
    logs.configure("planner", getattr(options, "log_level", "INFO"))
    try:
        if options.command == "install":
            fetch(iter([catalogue()["minilm-l6-v2"]]), lambda line: print(line, file=sys.stderr))  # noqa: T201
        else:
            _RUN[options.command](options)
    except (OSError, InvalidAgentError, ModelUnavailableError, PlannerStartError) as error:
        sys.stderr.write(f"the planner cannot run: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
