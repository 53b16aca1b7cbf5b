"""The tool gateway's process: `python -m voiceplane.tools serve`. The only way from a call to other systems."""

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
from pathlib import Path

from voiceplane.contract.load import Bundle, InvalidAgentError, load_bundle
from voiceplane.rpc.v1 import tools_pb2_grpc
from voiceplane.runtime import grpc_server, health, logs, shutdown, telemetry
from voiceplane.runtime.clock import SystemClock
from voiceplane.tools.audit import open_sink
from voiceplane.tools.errors import UnsafeSchemaError
from voiceplane.tools.http_backend import open_http
from voiceplane.tools.invoke import Invoker
from voiceplane.tools.schema import check_schema
from voiceplane.tools.service import Backends, ToolsService

log = logging.getLogger(__name__)
GRACE_S = 16.0  # a little longer than the longest wish
# These name full URLs, and so callers' numbers, in their logs.
TALKATIVE = ("httpx", "httpcore", "httpx2", "httpcore2", "mcp", "client")
Bundles = dict[tuple[str, str], Bundle]


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voiceplane.tools", description=__doc__)
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--agent", action="append", required=True, type=Path, help="VoiceAgent YAML; repeatable")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--grpc-port", type=int, default=0)
    serve.add_argument("--metrics-port", type=int, default=0)
    serve.add_argument("--records", required=True, help="HOST:PORT of the records process")
    serve.add_argument("--records-tls", type=Path, default=None, metavar="FOLDER", help="tls.crt, tls.key and ca.crt")
    serve.add_argument("--spool", type=Path, default=None, help="folder for audit records while records is away")
    serve.add_argument("--host-alias", action="append", default=[], type=_alias, metavar="NAME=HOST:PORT")
    serve.add_argument("--otlp-endpoint", default=None)
    serve.add_argument("--log-level", default="INFO")
    return parser.parse_args(argv)


def _alias(text: str) -> tuple[str, str]:
    name, _, target = text.partition("=")
    host, _, port = target.rpartition(":")
    if not (name and host and port.isdecimal() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HOST:PORT")
    return name, target


def _load(paths: list[Path]) -> Bundles:
    """Read the agents and refuse what no tool may use, before the first call and not in it."""
    bundles: Bundles = {}
    for path in paths:
        bundle = load_bundle(path.read_text())
        for tool in bundle.agent.spec.tools:
            for kind, schema in (("arguments", tool.arguments), ("result", tool.result)):
                if schema is not None:
                    check_schema(schema, f"{path.name}: spec.tools.{tool.name}.{kind}")
        bundles[bundle.agent_name, bundle.revision] = bundle
    return bundles


def _own_spool(port: int) -> Path:
    """Name a folder that no other process here uses: by the port, which is ours alone, or a fresh one."""
    if port == 0:
        return Path(tempfile.mkdtemp(prefix="voiceplane-tools-"))
    return Path(tempfile.gettempdir()) / f"voiceplane-tools-{port}"


async def _serve(options: argparse.Namespace, bundles: Bundles) -> None:
    stop = shutdown.stop_event()
    aliases, clock = dict(options.host_alias), SystemClock()
    spool = options.spool or _own_spool(options.grpc_port)
    tools = [tool for bundle in bundles.values() for tool in bundle.agent.spec.tools]
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(open_sink(options.records, spool, options.records_tls))
        http = await stack.enter_async_context(open_http(aliases))
        backends = Backends(http, aliases, tools)
        invoker = Invoker(lambda agent, revision: bundles.get((agent, revision)), backends, sink, clock)
        await stack.enter_async_context(invoker.running())
        service = ToolsService(invoker, frozenset(tool.name for tool in tools), clock)
        server = await stack.enter_async_context(
            grpc_server.serve(
                lambda server: tools_pb2_grpc.add_ToolsServicer_to_server(service, server),
                host=options.host,
                port=options.grpc_port,
                grace_s=GRACE_S,
            )
        )
        metrics_port = stack.enter_context(
            health.serve(
                options.metrics_port,
                options.host,
                ready=lambda: not stop.is_set() and sink.has_room(),
                beside=lambda: sink.problem,
            )
        )
        sys.stdout.write(f"ready grpc={server.port} metrics={metrics_port}\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("stopping")


def main(argv: list[str] | None = None) -> int:
    """Run the process; the exit status is 1 when it could not start."""
    options = _arguments(argv)
    logs.configure("tools", options.log_level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    traces = telemetry.configure("tools", otlp_endpoint=options.otlp_endpoint)
    try:
        asyncio.run(_serve(options, _load(options.agent)))
    except (OSError, InvalidAgentError, UnsafeSchemaError) as error:
        sys.stderr.write(f"tools cannot start: {error}\n")
        return 1
    finally:
        traces.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
