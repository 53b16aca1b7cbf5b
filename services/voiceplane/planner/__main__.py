"""The planner's process: `python -m voiceplane.planner serve`. Starts Ray on this machine and serves until SIGTERM."""

import argparse
import signal
import socket
import sys
import threading
from pathlib import Path

from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.runtime import logs
from voiceplane.runtime.models import ModelUnavailableError, catalogue, fetch, model


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
    return parser.parse_args(argv)


def _serve(options: argparse.Namespace) -> None:
    stop = threading.Event()
    _on_signals(stop)
    agents = tuple(path.read_text() for path in options.agent)
    for text in agents:
        load_bundle(text)  # a mistake is said now, not by a replica
    model("minilm-l6-v2")  # missing: said now, not by a replica that cannot start
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
        sys.stdout.write(f"ready grpc={options.grpc_port}\n")
        sys.stdout.flush()
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


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; the exit status is 1 when it could not start."""
    options = _arguments(argv)
    logs.configure("planner", getattr(options, "log_level", "INFO"))
    try:
        if options.command == "install":
            fetch(iter([catalogue()["minilm-l6-v2"]]), lambda line: print(line, file=sys.stderr))  # noqa: T201
        else:
            _serve(options)
    except (OSError, InvalidAgentError, ModelUnavailableError, PlannerStartError) as error:
        sys.stderr.write(f"the planner cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
