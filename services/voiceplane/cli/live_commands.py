"""`voiceplane press | transfer | hangup`: what an operator does with a live call, asked of its gateway."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from voiceplane.cli.arguments import address, no_stack, unanswered
from voiceplane.cli.state import read_endpoints, stack_folder
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server

DEADLINE_S = 10.0
ENDING_S = 3.0  # at a stack's end, for one request: its gateway may be broken
_CALL_HELP = "a live call's id, the beginning of one, or latest; voiceplane calls lists them"
_EXIT = (
    "exit status: 0 done, 1 no such live call, or its gateway refuses or is away, 2 wrong use, or no stack runs here"
)
_PRESS = 'examples:\n  voiceplane press latest "12#"\n  voiceplane press 4f2a "*2200" --gateway 10.0.0.5:9003'
Stub = Any  # the generated stub is typed for synchronous channels only
Order = Callable[[Stub, str, argparse.Namespace], Awaitable[str]]


class NoSuchCallError(Exception):
    """No live call, or more than one, is meant; the message says which there are."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the three subcommands."""
    press = commands.add_parser(
        "press",
        help="press keys in a live call (RFC 4733)",
        epilog=f"{_PRESS}\n\n{_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    transfer = commands.add_parser(
        "transfer",
        help="let the agent give a live call to a person (REFER)",
        epilog=f"example:\n  voiceplane transfer latest sip:queue@pbx.example\n\n{_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    hangup = commands.add_parser(
        "hangup",
        help="end a live call",
        epilog=f"example:\n  voiceplane hangup latest\n\n{_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for parser, order in ((press, _press), (transfer, _transfer), (hangup, _hang_up)):
        parser.add_argument("call", help=_CALL_HELP)
        parser.add_argument(
            "--gateway", type=address, metavar="HOST:PORT", help="the call's gateway; by default this machine's stack"
        )
        parser.set_defaults(run=lambda options, order=order: _run(options, order))
    press.add_argument("keys", help="0-9 * # A-D; the agent's speech waits while they are sent")
    transfer.add_argument("target", help="such as sip:queue@pbx.example or tel:+15550100")


def _run(options: argparse.Namespace, order: Order) -> int:
    endpoints = read_endpoints(stack_folder())
    target = options.gateway or (endpoints.gateway if endpoints else None)
    if target is None:
        print(no_stack("--gateway HOST:PORT"), file=sys.stderr)
        return 2
    try:
        print(asyncio.run(_ordered(target, options, order)))
    except grpc_server.UnreachedError:
        print(unanswered("gateway", target, "--gateway", named=bool(options.gateway)), file=sys.stderr)
        return 1
    except grpc.aio.AioRpcError as error:
        print(f"gateway at {target}: {error.details()}", file=sys.stderr)
        return 1
    except NoSuchCallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _ordered(target: str, options: argparse.Namespace, order: Order) -> str:
    async with grpc_server.asking(target) as channel:
        calls: Stub = calls_pb2_grpc.CallsStub(channel)
        live = await calls.List(calls_pb2.ListCallsRequest(), timeout=DEADLINE_S)
        started = {call.call_id: call.started_unix_ns for call in live.calls}
        return await order(calls, chosen(options.call, started), options)


async def hang_up_all(gateway: str) -> int:
    """Let a gateway take no more calls and say BYE in those it has; return how many. One that is gone has none."""
    ended = 0
    async with grpc_server.channel(gateway) as channel:
        calls: Stub = calls_pb2_grpc.CallsStub(channel)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await calls.Drain(calls_pb2.DrainRequest(), timeout=ENDING_S)
            live = await calls.List(calls_pb2.ListCallsRequest(), timeout=ENDING_S)
            for call in live.calls:
                with contextlib.suppress(grpc.aio.AioRpcError):  # it has ended by itself
                    await calls.HangUp(calls_pb2.HangUpCallRequest(call_id=call.call_id), timeout=ENDING_S)
                    ended += 1
    return ended


def chosen(wanted: str, started: dict[str, int]) -> str:
    """Return the one live call that is meant; NoSuchCallError."""
    if not started:
        raise NoSuchCallError("no call is live there now")
    if wanted == "latest":
        return max(started, key=lambda call_id: started[call_id])
    found = [call_id for call_id in started if call_id.startswith(wanted.lower())] if wanted else []
    if len(found) != 1:
        what = "no live call begins" if not found else f"{len(found)} live calls begin"
        raise NoSuchCallError(f"{what} with {wanted!r}; live are {', '.join(sorted(started))}")
    return found[0]


async def _press(calls: Stub, call_id: str, options: argparse.Namespace) -> str:
    await calls.SendDigits(calls_pb2.SendDigitsRequest(call_id=call_id, digits=options.keys), timeout=DEADLINE_S)
    return f"pressing {len(options.keys)} keys in {call_id}"


async def _transfer(calls: Stub, call_id: str, options: argparse.Namespace) -> str:
    await calls.Transfer(calls_pb2.TransferCallRequest(call_id=call_id, target=options.target), timeout=DEADLINE_S)
    return f"transferring {call_id} to {options.target}; its record tells what became of it"


async def _hang_up(calls: Stub, call_id: str, options: argparse.Namespace) -> str:
    await calls.HangUp(calls_pb2.HangUpCallRequest(call_id=call_id), timeout=DEADLINE_S)
    return f"hanging up {call_id}"
