"""`voiceplane dev`: the production processes of one agent on this machine, until stopped."""

import argparse
import asyncio
import contextlib
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from voiceplane.cli import arguments
from voiceplane.cli.live_commands import hang_up_all
from voiceplane.cli.parts import StackOptions, plan, uses_parcels
from voiceplane.cli.ports import NoFreePortError
from voiceplane.cli.stack import Stack, StackFailedError
from voiceplane.cli.state import Endpoints, claimed, read_endpoints, remove_endpoints, stack_folder, write_endpoints
from voiceplane.cli.trunks import read_trunks
from voiceplane.cli.validate import read_bundle
from voiceplane.contract.load import Bundle, InvalidAgentError
from voiceplane.runtime import shutdown
from voiceplane.runtime.clock import Clock, SystemClock

EPILOG = """examples:
  voiceplane dev agent.yaml                       then call the printed address with any softphone
  voiceplane dev agent.yaml --host 192.168.1.20   reachable from other machines of the network
  voiceplane dev docs/examples/parcel-desk.yaml   the example's parcel system is started too

Starts gateway, Triton, planner, tool gateway and records, each a process of its own, on free ports. What crashes is
started again. Ctrl-C or SIGTERM hangs up and stops all. Other commands (call, trace, calls, record) find the stack.
exit status: 0 stopped by you, 1 a part could not be started, 2 wrong use
"""
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "dev",
        help="run an agent's whole stack on this machine",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("agent", type=Path, help="the agent's YAML")
    parser.add_argument(
        "--host", type=arguments.host, default="127.0.0.1", help="address for SIP and RTP (default %(default)s)"
    )
    parser.add_argument(
        "--sip-port",
        type=arguments.whole(1, arguments.LAST_PORT),
        metavar="PORT",
        help="5060 by default, another if it is taken",
    )
    parser.add_argument(
        "--rtp-ports",
        type=arguments.port_range,
        default="20000-20999",
        metavar="FIRST-LAST",
        help="range for RTP (default %(default)s)",
    )
    parser.add_argument(
        "--trunks", type=Path, metavar="FILE", help="SIPTrunks: who may call, which numbers, and whom they vouch for"
    )
    parser.add_argument("--with-parcels", action="store_true", help="start the example's parcel system")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until stopped."""
    try:
        bundle = read_bundle(str(options.agent))
    except OSError as error:
        print(arguments.unreadable(options.agent, error, "name an agent's YAML"), file=sys.stderr)
        return 2
    except InvalidAgentError as error:
        print(f"{options.agent} has mistakes; voiceplane validate explains them:\n{error}", file=sys.stderr)
        return 2
    try:
        trunks = read_trunks(options.trunks, bundle.agent.metadata) if options.trunks is not None else None
    except OSError as error:
        print(arguments.unreadable(options.trunks, error, "name a file of SIPTrunks"), file=sys.stderr)
        return 2
    except InvalidAgentError as error:
        print(f"{options.trunks} has mistakes:\n{error}", file=sys.stderr)
        return 2
    chosen = StackOptions(
        agent_file=options.agent,
        folder=stack_folder(),
        host=options.host,
        sip_port=options.sip_port,
        rtp_ports=options.rtp_ports,
        parcels=options.with_parcels or uses_parcels(bundle),
        trunks=trunks,
    )
    try:
        return asyncio.run(_until_stopped(bundle, chosen))
    except (StackFailedError, NoFreePortError) as error:
        print(error, file=sys.stderr)
        return 1


async def _until_stopped(bundle: Bundle, options: StackOptions) -> int:
    report = reporter(SystemClock())
    await shutdown.unless_stopped(_serve(bundle, options, report), stopping=lambda: report("stopping"))
    report("stopped")
    return 0


async def _serve(bundle: Bundle, options: StackOptions, report: Callable[[str], None]) -> None:
    async with running_stack(bundle, options, report) as endpoints:
        report(f"call {endpoints.sip} with any softphone, or: voiceplane call --say {_words(bundle)}")
        report(f"logs and records are in {options.folder}; Ctrl-C stops all")
        await asyncio.Event().wait()


def _words(bundle: Bundle) -> str:
    """Return what a caller may say to this agent, as it is typed into a shell."""
    return shlex.quote(bundle.agent.spec.intents[0].examples[0])


@contextlib.asynccontextmanager
async def running_stack(
    bundle: Bundle, options: StackOptions, report: Callable[[str], None]
) -> AsyncIterator[Endpoints]:
    """Run the stack inside the block and publish its endpoints; StackFailedError, NoFreePortError."""
    running = read_endpoints(options.folder)
    if running is not None:
        raise StackFailedError(f"a stack runs already (process {running.pid}, {running.sip}): stop it first")
    with claimed(options.folder) as ours:
        if not ours:
            raise StackFailedError(f"another stack is starting or stopping in {options.folder}: wait for it or stop it")
        parts, endpoints = plan(bundle, options)
        report(f"starting {', '.join(part.name for part in parts)}")
        async with Stack(parts, options.folder / "logs", report):
            write_endpoints(endpoints, options.folder)
            try:
                yield endpoints
            finally:
                remove_endpoints(options.folder)
                # Else the gateway waits for its callers, and is killed at the end of the grace without a BYE.
                if ended := await hang_up_all(endpoints.gateway):
                    report(f"hung up {ended} live call{'s' if ended > 1 else ''}")


def reporter(clock: Clock) -> Callable[[str], None]:
    """Return a function that prints a line with the seconds since now in front."""
    began = clock.monotonic()

    def report(line: str) -> None:
        print(f"[{clock.monotonic() - began:5.1f} s] {line}", file=sys.stderr, flush=True)

    return report
