"""`voiceplane demo`: a real call to the example agent through every process, and what came of it, as it happens."""

import argparse
import asyncio
import json
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from rich.console import Console

from voiceplane.cli import arguments
from voiceplane.cli.call_command import timing_lines
from voiceplane.cli.conversation import CallResult, Line, Script, hold, unclear
from voiceplane.cli.dev import INTERRUPTED, reporter, running_stack
from voiceplane.cli.install import install
from voiceplane.cli.likeness import says
from voiceplane.cli.parts import StackOptions
from voiceplane.cli.ports import NoFreePortError
from voiceplane.cli.records_commands import print_record
from voiceplane.cli.stack import StackFailedError
from voiceplane.cli.state import Endpoints, state_root
from voiceplane.cli.validate import read_bundle
from voiceplane.cli.voices import VoiceUnavailableError, choose_voice, open_speech, transcribe
from voiceplane.contract.audio import Pcm
from voiceplane.contract.load import Bundle, InvalidAgentError
from voiceplane.records import tree
from voiceplane.records.client import read_call, read_trace
from voiceplane.records.errors import NoSuchCallError, RecordsError
from voiceplane.records.rows import AuditRow, CallRow, SpanRow
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server, shutdown
from voiceplane.runtime.clock import SystemClock
from voiceplane.runtime.models import ModelUnavailableError
from voiceplane.speech.errors import SpeechError
from voiceplane.testing.phone import PhoneError

PARCEL = "456721"
LINES = (
    "Hi, I would like to know where my package is.",  # not the words of any intent example
    "It is four five six, seven two one.",
)
RECORD_WAIT_S = 15.0
EPILOG = """examples:
  voiceplane demo
  voiceplane demo docs/examples/parcel-desk.yaml --say "Has my parcel arrived?" --say "four five six seven two one"

exit status: 0 the caller heard the parcel's true status, 1 not, or something could not be started
"""


class NoRecordError(Exception):
    """The call is over, but its record did not come."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "demo",
        help="place a real call to the example agent and show everything",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "agent", nargs="?", type=Path, default=Path("docs/examples/parcel-desk.yaml"),
        help="another agent that asks the example's parcel system (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--say", action="append", type=arguments.words, metavar="WORDS", help="other words for the caller"
    )
    parser.add_argument("--parcel", default=PARCEL, help="the parcel whose true status must be heard")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Install, start, call, show, judge, stop."""
    try:
        bundle = read_bundle(str(options.agent))
    except OSError as error:
        advice = "name an agent's YAML; the example is docs/examples/parcel-desk.yaml in voiceplane's sources"
        print(arguments.unreadable(options.agent, error, advice), file=sys.stderr)
        return 1
    except InvalidAgentError as error:
        print(f"{options.agent} has mistakes; voiceplane validate explains them:\n{error}", file=sys.stderr)
        return 1
    try:
        install((bundle.agent.spec.voice.profile,))
        report = reporter(SystemClock())
        shown = shutdown.unless_stopped(_show(bundle, options, report), stopping=lambda: report("stopping"))
        status = asyncio.run(shown)
        return INTERRUPTED if status is None else status
    except (OSError, ModelUnavailableError, StackFailedError, NoFreePortError) as error:
        print(error, file=sys.stderr)
    except (PhoneError, VoiceUnavailableError, SpeechError, NoRecordError, RecordsError) as error:
        print(f"the call failed: {error}\nlogs: {_folder() / 'logs'}", file=sys.stderr)
    return 1


async def _show(bundle: Bundle, options: argparse.Namespace, report: Callable[[str], None]) -> int:
    folder = _folder()
    stack = StackOptions(options.agent, folder, sip_port=None, parcels=True)
    async with running_stack(bundle, stack, report) as endpoints, open_speech(endpoints.speech) as speech:
        if speech is None:
            raise VoiceUnavailableError("the speech models are not ready")
        voice = await choose_voice(speech, None)
        lines = tuple(Line(say=words) for words in (options.say or LINES))
        recording = folder / "recordings" / "latest.wav"
        report(f"calling {endpoints.sip} with the voice {voice.about}")
        heard_by_caller: list[str] = []

        async def heard(who: str, what: str | Pcm) -> str:
            words = await transcribe(speech, what) if isinstance(what, Pcm) else what
            if isinstance(what, Pcm):
                heard_by_caller.append(words)
            report(f"{who:>7}: {words}")
            return words

        watching = asyncio.create_task(_watch(endpoints.gateway, report), name="watch")
        try:  # no task group: an error of the call is to leave as itself
            script = Script(endpoints.sip, lines, unclear=unclear(bundle.agent.spec))
            result = await hold(script, voice, heard, record=recording)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        console = Console(highlight=False)
        await _after(endpoints, result, console)
        print(f"\nrecording (left caller, right agent): {recording}\nlogs: {folder / 'logs'}")
        return _judge(await _truth(endpoints.parcels, options.parcel), " ".join(heard_by_caller))


def _folder() -> Path:
    return state_root() / "demo"


async def _watch(gateway: str, report: Callable[[str], None]) -> None:
    """Print what the gateway itself says of the call: what it heard, said and did."""
    async with grpc_server.channel(gateway) as channel:
        calls: Any = calls_pb2_grpc.CallsStub(channel)
        try:
            async for event in calls.Watch(calls_pb2.WatchCallsRequest()):
                report(f"gateway: {event_line(event.kind, event.facts)}")
        except grpc.aio.AioRpcError as error:
            report(f"gateway: cannot be watched: {error.details()}")


def event_line(kind: str, facts: Mapping[str, str]) -> str:
    """Write an event for people: words first, and of a turn's times the one that a caller feels; the record has all."""
    named = {key.removeprefix("pii."): value for key, value in facts.items() if not key.startswith("ms.")}
    told = [f"{kind} {named.pop(kind)}" if kind in named else kind]
    told += [f'"{named.pop("text")}"'] if "text" in named else []
    told += ["until the caller spoke"] if named.pop("interrupted", "false") == "true" else []
    told += [", ".join(f"{key} {value}" for key, value in sorted(named.items()))]
    if "ms.first_audio" in facts:
        told.append(f"(first sound after {float(facts['ms.first_audio']):.0f} ms)")
    return " ".join(part for part in told if part)


async def _after(endpoints: Endpoints, result: CallResult, console: Console) -> None:
    """Print the record with its tool attempts, the timings and the trace."""
    call, audits = await _record(endpoints.records, result.call_id)
    console.rule("record, with its tool calls")
    print_record(call, audits, console)
    console.rule("timings, measured on the recorded audio")
    for line in timing_lines(result):
        console.print(line)
    console.rule("trace")
    tree.print_trace(await _trace(endpoints.records, result.call_id), console)


async def _trace(records: str, call_id: str) -> tuple[SpanRow, ...]:
    """Return the spans, once the root has come: a span is sent when it ends, in batches, so the root comes last."""
    for _ in range(40):
        spans = await read_trace(records, call_id)
        if any(not span.parent_span_id for span in spans):
            break
        await asyncio.sleep(RECORD_WAIT_S / 40)
    return spans


async def _record(records: str, call_id: str) -> tuple[CallRow, tuple[AuditRow, ...]]:
    """Wait for the record: the gateway writes it after the BYE."""
    try:
        async with asyncio.timeout(RECORD_WAIT_S):
            while True:
                try:
                    return await read_call(records, call_id)
                except NoSuchCallError:
                    await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise NoRecordError(f"no record of call {call_id} came within {RECORD_WAIT_S:.0f} s") from error


async def _truth(parcels: str, parcel: str) -> str:
    """Ask the parcel system itself what is true."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://{parcels}/parcels/{parcel}", timeout=5.0) as answer:
            return str(json.load(answer)["status"])

    return await asyncio.to_thread(ask)


def _judge(truth: str, heard: str) -> int:
    """Say whether the true status was heard."""
    if says(heard, truth):
        print(f"the caller heard the parcel's true status: {truth!r}")
        return 0
    print(f"FAILED: the parcel is {truth!r}, but the caller heard: {heard!r}", file=sys.stderr)
    return 1
