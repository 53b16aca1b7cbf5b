"""The records process: `python -m voiceplane.records serve`. Calls, audits and traces in; SQL out."""

import argparse
import asyncio
import contextlib
import logging
import sys
from pathlib import Path

from voiceplane.records import http, of_regions, service
from voiceplane.records.errors import NewerSchemaError, RecordsAwayError
from voiceplane.records.ingest import IngestLimits, SpanIngest
from voiceplane.records.retention import Retention, RetentionSettings
from voiceplane.records.store import Store, open_store
from voiceplane.runtime import grpc_server, health, logs, shutdown, telemetry, tls
from voiceplane.runtime.clock import SystemClock

log = logging.getLogger(__name__)


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days < 100_000:
        raise ValueError("not a number of days")
    return days


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voiceplane.records", description=__doc__)
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--grpc-port", type=int, default=0, help="Records and OTLP over gRPC; 0: any free port")
    serve.add_argument("--tls", type=Path, default=None, metavar="FOLDER", help="tls.crt, tls.key, ca.crt: for regions")
    serve.add_argument("--tls-port", type=int, default=0, help="Records and OTLP for regions of other clusters")
    serve.add_argument("--http-port", type=int, default=0, help="OTLP over HTTP")
    serve.add_argument("--metrics-port", type=int, default=0, help="/metrics, /healthz, /readyz")
    serve.add_argument("--database-url", default="sqlite:///voiceplane-records.db", help="sqlite:/// or postgresql://")
    serve.add_argument("--keep-spans-days", type=float, default=7.0, help="older spans are deleted")
    serve.add_argument("--keep-calls-days", type=_days, default=90.0, help="older call records go; 0 keeps all")
    serve.add_argument("--keep-audits-days", type=_days, default=730.0, help="older tool audits go; 0 keeps all")
    serve.add_argument("--keep-personal", action="store_true", help="keep attributes with a pii segment in traces")
    serve.add_argument("--otlp-endpoint", default=None, help="where this process sends its own spans")
    serve.add_argument("--log-level", default="INFO")
    return parser.parse_args(argv)


async def _serve(options: argparse.Namespace) -> None:
    stop = shutdown.stop_event()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(options.database_url))
        ingest = SpanIngest(store, SystemClock(), IngestLimits(keep_days=options.keep_spans_days))
        await stack.enter_async_context(ingest.running())
        keep = RetentionSettings(options.keep_calls_days, options.keep_audits_days)
        await stack.enter_async_context(Retention(store, SystemClock(), keep).running())
        server = await stack.enter_async_context(
            grpc_server.serve(
                lambda server: service.register(server, store, ingest, keep_personal=options.keep_personal),
                host=options.host,
                port=options.grpc_port,
            )
        )
        proved = await _for_regions(stack, store, ingest, options) if options.tls else ""
        http_port = await stack.enter_async_context(
            http.serve(ingest, host=options.host, port=options.http_port, keep_personal=options.keep_personal)
        )
        metrics_port = stack.enter_context(
            health.serve(options.metrics_port, options.host, ready=lambda: not stop.is_set())
        )
        # One line on stdout for whoever started the process; everything else goes to the log.
        sys.stdout.write(f"ready grpc={server.port} http={http_port} metrics={metrics_port}{proved}\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("stopping")


async def _for_regions(
    stack: contextlib.AsyncExitStack, store: Store, ingest: SpanIngest, options: argparse.Namespace
) -> str:
    """Open the port that other clusters reach; return its part of the line that says where this process listens."""
    server = await stack.enter_async_context(
        grpc_server.serve_proved(
            lambda server: of_regions.register(server, store, ingest, keep_personal=options.keep_personal),
            host=options.host,
            port=options.tls_port,
            credentials=tls.server_credentials(options.tls),
        )
    )
    return f" tls={server.port}"


def main(argv: list[str] | None = None) -> int:
    """Run the process; the exit status is 1 when it could not start."""
    options = _arguments(argv)
    logs.configure("records", options.log_level)
    traces = telemetry.configure("records", otlp_endpoint=options.otlp_endpoint)
    try:
        asyncio.run(_serve(options))
    except (OSError, ValueError, NewerSchemaError, RecordsAwayError, tls.TlsFilesError) as error:
        sys.stderr.write(f"records cannot start: {error}\n")
        return 1
    finally:
        traces.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
