"""`voiceplane trace | calls | record`: what calls left behind, asked of the records process."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import grpc
from rich.console import Console
from rich.table import Table

from voiceplane.cli.arguments import address, no_stack, unanswered, whole
from voiceplane.cli.state import read_endpoints, stack_folder
from voiceplane.records import tree
from voiceplane.records.client import read_call, read_calls, read_trace
from voiceplane.records.errors import RecordsError, RecordsUnreachedError
from voiceplane.records.rows import AuditRow, CallRow
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server

DEADLINE_S = 10.0
_WIDE_COLUMNS = 200
_CALL_HELP = "a call id, the beginning of one, or latest"
_GROUNDS = {
    "none": "no trunk vouches for a number",
    "asserted": "a trusted trunk asserts the number",
    "attested": "a trusted trunk has verified the number's signature",
}
_EXIT = "exit status: 0 printed, 1 there is none, or records do not answer, 2 wrong use, or no stack runs here"
_CALLS_EXIT = "exit status: 0 listed, 1 records or gateway do not answer, 2 wrong use, or no stack runs here"
Ask = Callable[[str, argparse.Namespace, Console], Coroutine[Any, Any, int]]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the three subcommands."""
    trace = commands.add_parser(
        "trace",
        help="draw a call's trace as a tree with times",
        epilog=f"examples:\n  voiceplane trace latest\n  voiceplane trace 4f2a --all\n\n{_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    trace.add_argument("call", nargs="?", default="latest", help=_CALL_HELP + " (default)")
    trace.add_argument("--all", action="store_true", help="fold nothing: every span, and every mark of the engines")
    record = commands.add_parser(
        "record",
        help="print a call's record: turns, tools, quality",
        epilog=f"examples:\n  voiceplane record latest\n  voiceplane record 4f2a\n\n{_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    record.add_argument("call", nargs="?", default="latest", help=_CALL_HELP + " (default)")
    calls = commands.add_parser(
        "calls",
        help="list live calls and the last records",
        epilog=f"example:\n  voiceplane calls --limit 50\n\n{_CALLS_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    calls.add_argument(
        "--limit", type=whole(1, 1000), default=20, metavar="N", help="how many records (default %(default)s)"
    )
    calls.add_argument(
        "--gateway", type=address, metavar="HOST:PORT", help="gateway for live calls; by default this machine's stack"
    )
    for parser, ask in ((trace, _trace), (record, _record), (calls, _calls)):
        parser.add_argument(
            "--records", type=address, metavar="HOST:PORT", help="records process; by default this machine's stack"
        )
        parser.set_defaults(run=lambda options, ask=ask: _run(options, ask))


def _run(options: argparse.Namespace, ask: Ask) -> int:
    endpoints = read_endpoints(stack_folder())
    target = options.records or (endpoints.records if endpoints else None)
    if target is None:
        print(no_stack("--records HOST:PORT"), file=sys.stderr)
        return 2
    try:
        return asyncio.run(ask(target, options, _console()))
    except RecordsUnreachedError:
        print(unanswered("records process", target, "--records", named=bool(options.records)), file=sys.stderr)
    except RecordsError as error:
        print(error, file=sys.stderr)
    return 1


def _console() -> Console:
    """Print as wide as the terminal is; a pipe has no width, and what is read later is not cut."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_WIDE_COLUMNS if piped else None)


async def _trace(records: str, options: argparse.Namespace, console: Console) -> int:
    spans = await read_trace(records, options.call)
    tree.print_trace(spans, console, every=options.all)
    return 0 if spans else 1


async def _record(records: str, options: argparse.Namespace, console: Console) -> int:
    call, audits = await read_call(records, options.call)
    region = call.region or await _region(records, call.call_id)
    print_record(replace(call, region=region), audits, console)
    return 0


async def _region(records: str, call_id: str) -> str:
    """Return where a call was answered, as its trace tells: only a region of another cluster is in the record."""
    with contextlib.suppress(RecordsError):  # the record is worth having all the same
        return tree.region(await read_trace(records, call_id))
    return ""


async def _calls(records: str, options: argparse.Namespace, console: Console) -> int:
    answered = await _live(options, console)
    ended = await read_calls(records, options.limit)
    table = Table(box=None, pad_edge=False)
    for column in ("call", "started", "agent", "outcome", "end", "turns", "length"):
        table.add_column(column, no_wrap=True)
    for call in ended:
        length = (call.ended_unix_ns - call.started_unix_ns) / 1e9
        started = _when(call.started_unix_ns)
        turns = str(len(call.turns))
        table.add_row(call.call_id, started, call.agent, call.outcome, call.end_reason, turns, f"{length:.1f} s")
    if ended:  # whole cells, also where the terminal is narrow and in a pipe: ids are copied from here
        console.width = max(console.width, _WIDE_COLUMNS)
        console.print(table, soft_wrap=True)
    else:
        console.print("no calls are recorded yet: voiceplane call places one")
    return 0 if answered else 1


async def _live(options: argparse.Namespace, console: Console) -> bool:
    """Print the live calls; where the gateway does not answer, say so: its records are worth having all the same."""
    endpoints = read_endpoints(stack_folder()) if options.gateway is None and not options.records else None
    target = options.gateway or (endpoints.gateway if endpoints else "")
    if not target:
        return True
    try:
        async with grpc_server.asking(target) as channel:
            gateway: Any = calls_pb2_grpc.CallsStub(channel)  # the stub is typed for synchronous channels
            live = await gateway.List(calls_pb2.ListCallsRequest(), timeout=DEADLINE_S)
    except grpc_server.UnreachedError:
        print(unanswered("gateway", target, "--gateway", named=bool(options.gateway)), file=sys.stderr)
        return False
    except grpc.aio.AioRpcError as error:
        print(f"gateway at {target}: {error.details()}", file=sys.stderr)
        return False
    for call in live.calls:
        console.print(
            f"live  {call.call_id}  {call.agent}  {call.state}  {call.turns} turn{'' if call.turns == 1 else 's'}",
            soft_wrap=True,
        )
    return True


def print_record(call: CallRow, audits: tuple[AuditRow, ...], console: Console) -> None:
    """Print a call record with its turns and tool attempts."""
    where = f" in region {call.region}" if call.region else ""
    console.print(f"call {call.call_id}  {call.agent} revision {call.revision}{where}", markup=False, soft_wrap=True)
    console.print(f"  started {_when(call.started_unix_ns)}, {call.outcome}: {call.end_reason}")
    if call.caller_trust in _GROUNDS:
        console.print(f"  caller {call.caller_authentication}: {_GROUNDS[call.caller_trust]}", soft_wrap=True)
    for turn in call.turns:
        timings = ", ".join(f"{name} {value:.0f} ms" for name, value in sorted(turn.timings_ms.items()))
        console.print(f"  {turn.speaker:>7}  {turn.text_pii}", markup=False, soft_wrap=True)
        if told := "  ".join(part for part in (turn.intent, timings) if part):
            console.print(f"           {told}", style="dim", markup=False, soft_wrap=True)
    for audit in audits:
        console.print(f"  {audit_line(audit)}", markup=False, soft_wrap=True)
    quality = call.quality
    console.print(
        f"  {quality.codec}: {quality.packets_sent} packets sent, {quality.packets_received} received, "
        f"{quality.packets_lost} lost, jitter {quality.jitter_ms:.1f} ms, MOS {quality.mos:.2f}, "
        f"p99 lateness {quality.lateness_p99_ms:.1f} ms",
        soft_wrap=True,
    )


def audit_line(audit: AuditRow) -> str:
    """Write one tool attempt as a line."""
    line = f"tool {audit.tool} for {audit.intent}: {audit.decision}, {audit.outcome}, {audit.duration_ms:.0f} ms"
    line += f", attempt {audit.attempt}, arguments {audit.arguments_redacted_json or '{}'}"
    line += f", caller {audit.caller_authentication}" if audit.caller_authentication else ""
    return line + (f" ({audit.reason})" if audit.reason else "")


def _when(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
