"""The tool gateway's process: `python -m voiceplane.tools serve`. The only way from a call to other systems."""

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
from pathlib import Path

import httpx

from voiceplane.contract.load import Bundle, InvalidAgentError, load_bundle
from voiceplane.rpc.v1 import tools_pb2_grpc
from voiceplane.runtime import grpc_server, health, logs, shutdown, telemetry
from voiceplane.runtime.clock import SystemClock
from voiceplane.tools.audit import open_sink
from voiceplane.tools.http_backend import HttpTool
from voiceplane.tools.invoke import Invoker
from voiceplane.tools.service import Backends, ToolsService

log = logging.getLogger(__name__)
GRACE_S = 10.0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voiceplane.tools", description=__doc__)
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--agent", action="append", required=True, type=Path, help="VoiceAgent YAML; repeatable")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--grpc-port", type=int, default=0)
    serve.add_argument("--metrics-port", type=int, default=0)
    serve.add_argument("--records", required=True, help="HOST:PORT of the records process")
    serve.add_argument("--spool", type=Path, default=None, help="folder for audit records while records is away")
    serve.add_argument("--host-alias", action="append", default=[], metavar="NAME=HOST:PORT")
    serve.add_argument("--otlp-endpoint", default=None)
    serve.add_argument("--log-level", default="INFO")
    return parser.parse_args(argv)


async def _serve(options: argparse.Namespace, bundles: dict[tuple[str, str], Bundle]) -> None:
    stop = shutdown.stop_event()
    aliases = dict(alias.split("=", 1) for alias in options.host_alias)
    spool = options.spool or Path(tempfile.gettempdir()) / f"voiceplane-tools-{options.grpc_port}"
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(open_sink(options.records, spool))
        client = await stack.enter_async_context(httpx.AsyncClient())
        invoker = Invoker(
            lambda agent, revision: bundles.get((agent, revision)),
            Backends(HttpTool(client, aliases)),
            sink,
            SystemClock(),
        )
        server = await stack.enter_async_context(
            grpc_server.serve(
                lambda server: tools_pb2_grpc.add_ToolsServicer_to_server(ToolsService(invoker), server),
                host=options.host,
                port=options.grpc_port,
                grace_s=GRACE_S,
            )
        )
        metrics_port = stack.enter_context(
            health.serve(options.metrics_port, options.host, ready=lambda: not stop.is_set())
        )
        sys.stdout.write(f"ready grpc={server.port} metrics={metrics_port}\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("stopping")


def main(argv: list[str] | None = None) -> int:
    """Run the process; the exit status is 1 when it could not start."""
    options = _arguments(argv)
    logs.configure("tools", options.log_level)
    traces = telemetry.configure("tools", otlp_endpoint=options.otlp_endpoint)
    try:
        bundles = {}
        for path in options.agent:
            bundle = load_bundle(path.read_text())
            metadata = bundle.agent.metadata
            bundles[f"{metadata.namespace}/{metadata.name}", bundle.revision] = bundle
        asyncio.run(_serve(options, bundles))
    except (OSError, InvalidAgentError) as error:
        sys.stderr.write(f"tools cannot start: {error}\n")
        return 1
    finally:
        traces.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
