"""The gateway's process: `python -m voiceplane.call serve`. Answers SIP calls for one VoiceAgent."""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from voiceplane.call.gateway import GatewaySettings, open_gateway
from voiceplane.contract.load import Bundle, InvalidAgentError, load_bundle
from voiceplane.media.server import MediaSettings
from voiceplane.runtime import garbage, health, logs, shutdown, telemetry
from voiceplane.runtime.models import ModelUnavailableError
from voiceplane.sip.admission import Limits
from voiceplane.speech.errors import SpeechRefusedError

log = logging.getLogger(__name__)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voiceplane.call", description=__doc__)
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="run until SIGTERM")
    serve.add_argument("--agent", required=True, type=Path, help="VoiceAgent YAML")
    serve.add_argument("--revision", default=None, help="refuse to start when the agent with its policy is another one")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on for gRPC, metrics and probes")
    serve.add_argument("--sip", default="127.0.0.1:5060", metavar="HOST:PORT", help="UDP and TCP")
    serve.add_argument("--advertise", default=None, metavar="HOST", help="address in Contact and SDP; default: --sip's")
    serve.add_argument("--rtp-ports", default="20000-20999", metavar="FIRST-LAST")
    serve.add_argument("--speech", default="127.0.0.1:8001", help="Triton's gRPC; several separated by commas")
    serve.add_argument("--planner", default="127.0.0.1:9000")
    serve.add_argument("--tools", default="127.0.0.1:9001")
    serve.add_argument("--records", default="127.0.0.1:9002")
    serve.add_argument("--records-tls", type=Path, default=None, metavar="FOLDER", help="tls.crt, tls.key and ca.crt")
    serve.add_argument("--spool", type=Path, default=None, help="folder for records while the records process is away")
    serve.add_argument("--trunks", type=Path, default=None, help="file of the trunks that may call; default: anyone")
    serve.add_argument("--max-calls", type=int, default=100)
    serve.add_argument("--max-cps", type=float, default=50.0, help="new calls per second")
    serve.add_argument("--media-timeout", type=float, default=30.0, metavar="SECONDS")
    serve.add_argument("--longest-hold", type=float, default=600.0, metavar="SECONDS", help="then the call is ended")
    serve.add_argument("--grpc-port", type=int, default=0)
    serve.add_argument("--metrics-port", type=int, default=0)
    serve.add_argument("--otlp-endpoint", default=None)
    serve.add_argument("--log-level", default="INFO")
    return parser.parse_args(argv)


def _settings(options: argparse.Namespace) -> GatewaySettings:
    host, _, port = options.sip.rpartition(":")
    first, _, last = options.rtp_ports.partition("-")
    if not (port.isdecimal() and first.isdecimal() and last.isdecimal()):
        raise ValueError("--sip wants HOST:PORT and --rtp-ports FIRST-LAST, such as 127.0.0.1:5060 and 20000-20999")
    advertised = options.advertise or host
    return GatewaySettings(
        sip_host=host,
        sip_port=int(port),
        advertised_host=advertised,
        media=MediaSettings(host, advertised, int(first), int(last), timeout_s=options.media_timeout),
        limits=Limits(options.max_calls, options.max_cps, max(1, int(options.max_cps))),
        speech=tuple(options.speech.split(",")),
        planner=options.planner,
        tools=options.tools,
        records=options.records,
        certificates=options.records_tls,
        spool=options.spool or Path(tempfile.gettempdir()) / f"voiceplane-gateway-{port}",
        grpc_host=options.host,
        grpc_port=options.grpc_port,
        longest_hold_s=options.longest_hold,
        trunks=options.trunks,
    )


def _load(options: argparse.Namespace) -> Bundle:
    """Read the agent and compare it with what whoever deployed it says it is: no calls under another policy."""
    bundle = load_bundle(options.agent.read_text())
    if options.revision not in (None, bundle.revision):
        raise ValueError(
            f"{options.agent} is revision {bundle.revision} and not {options.revision}: its content, or this program's "
            "version, is not what was deployed"
        )
    return bundle


async def _serve(bundle: Bundle, options: argparse.Namespace) -> None:
    stop = shutdown.stop_event()
    async with open_gateway(bundle, _settings(options)) as (gateway, sip_port, grpc_port):
        probes = health.serve(
            options.metrics_port,
            options.host,
            ready=lambda: not stop.is_set(),
            why_not=lambda: gateway.problem,
            beside=lambda: gateway.records_problem,
        )
        with probes as metrics_port:

            def ready() -> None:
                garbage.keep()
                sys.stdout.write(f"ready sip={sip_port} grpc={grpc_port} metrics={metrics_port}\n")
                sys.stdout.flush()

            await gateway.serve(stop, ready=ready)
    log.info("stopped")


def main(argv: list[str] | None = None) -> int:
    """Run the process; the exit status is 1 when it could not start."""
    options = _arguments(argv)
    logs.configure("gateway", options.log_level)
    traces = telemetry.configure("gateway", otlp_endpoint=options.otlp_endpoint)
    try:
        asyncio.run(_serve(_load(options), options))
    except (OSError, ValueError, InvalidAgentError, ModelUnavailableError, SpeechRefusedError) as error:
        sys.stderr.write(f"the gateway cannot start: {error}\n")
        return 1
    finally:
        traces.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
