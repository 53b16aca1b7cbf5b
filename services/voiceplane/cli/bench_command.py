"""`voiceplane bench`: start the real stack, place real calls, measure them from outside, print a table."""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
import traceback
import urllib.request
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import voiceplane.testing.bench
from voiceplane.cli import processes
from voiceplane.cli.dev import reporter
from voiceplane.cli.parts import StackOptions, plan
from voiceplane.cli.ports import NoFreePortError
from voiceplane.cli.stack import Part, Stack, StackFailedError
from voiceplane.cli.state import Endpoints
from voiceplane.cli.validate import read_bundle
from voiceplane.cli.voices import FliteVoice, VoiceUnavailableError
from voiceplane.contract.audio import Pcm
from voiceplane.contract.load import InvalidAgentError
from voiceplane.planner.client import open_client
from voiceplane.runtime import shutdown
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.profiles import load_profile
from voiceplane.speech.vad import SileroModel
from voiceplane.testing.bench import lines as tables
from voiceplane.testing.bench import recordings, stages, turn_picture, turn_sweep
from voiceplane.testing.bench.lines import Line
from voiceplane.testing.bench.place import Effort, Place, Usage
from voiceplane.testing.bench.recordings import RecordingsError, of_folder
from voiceplane.testing.bench.suites import SUITES
from voiceplane.testing.bench.turn_facts import Models, gather
from voiceplane.turn.parameters import TurnParameters

EPILOG = """examples:
  voiceplane bench --quick                       every suite, few cases, about 5 minutes
  voiceplane bench --json bench.json             every suite; docs/benchmarks.md says what each measures
  voiceplane bench --suite turn --suite load     only these
  voiceplane bench --runs 3                      three times as many cases
  voiceplane bench turns --recordings my/calls   the same over your own recordings, listed in my/calls/recordings.csv
  voiceplane bench turns --recordings my/calls --agent my/agent.yaml   they were said to this agent
  voiceplane bench turns --picture turns.svg     sweep the end of turn over recordings: cut-offs against delay

Starts its own stack (gateway, Triton, planner, tools, records) and calls it with the test phone and flite's voices.
Figures say something only on a machine that does nothing else.
exit status: 0 measured, also where a goal is not reached; 1 something could not be measured; 2 wrong use
"""
AGENT = Path(voiceplane.testing.bench.__file__).parent / "desk.yaml"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bench",
        help="measure calls to a real stack from outside",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("calls", "turns"), default="calls", help="default %(default)s")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="with turns: write the sweep as SVG")
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="with turns: these; docs/benchmarks.md")
    parser.add_argument(
        "--agent", type=Path, metavar="FILE", help="with --recordings: the VoiceAgent they were said to"
    )
    parser.add_argument("--suite", action="append", choices=sorted(SUITES), help="run this one; again for more")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="times the usual number of cases")
    parser.add_argument("--quick", action="store_true", help="few cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="logs (default %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the suites and write what came of them."""
    if options.runs < 1:
        print("--runs is 1 or more", file=sys.stderr)
        return 2
    if options.agent is not None and options.recordings is None:
        print("--agent goes with turns --recordings: the suites know what their own agent says", file=sys.stderr)
        return 2
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_until_done(options))
    except (
        StackFailedError,
        NoFreePortError,
        VoiceUnavailableError,
        RecordingsError,
        InvalidAgentError,
        OSError,
    ) as error:
        print(error, file=sys.stderr)
        return 1


async def _until_done(options: argparse.Namespace) -> int:
    """Run; SIGINT and SIGTERM end the run with its calls and its stack."""
    stop = shutdown.stop_event()
    working = asyncio.create_task(_work(options), name="bench")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return 130  # 128 + SIGINT, as a shell reports it
    return working.result()


async def _work(options: argparse.Namespace) -> int:
    tell = reporter(SystemClock())
    effort = Effort(quick=options.quick, runs=options.runs)
    measured: dict[str, list[Line]] = {}
    failed: list[str] = []
    async with open_place(options.output.resolve(), tell, options.agent or AGENT) as (place, endpoints):
        if options.what == "turns":
            return await _sweep(place, endpoints, effort, options=options)
        for name in SUITES:
            if not options.suite or name in options.suite:
                tell(f"{name}: begins")
                try:
                    measured[name] = await SUITES[name](place, effort)
                except Exception:  # the suites that follow are worth having, and those before are written
                    traceback.print_exc()
                    failed.append(name)
                    continue
                print(f"\n{name}\n\n{tables.table(measured[name])}", flush=True)
                _write(options, measured)
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
        return 1
    return 0 if all(line.measured for found in measured.values() for line in found if line.goal.text) else 1


@contextlib.asynccontextmanager
async def open_place(
    folder: Path, tell: Callable[[str], None], agent: Path = AGENT
) -> AsyncIterator[tuple[Place, Endpoints]]:
    """Run the stack of an agent inside the block."""
    bundle = read_bundle(str(agent))
    stack_options = StackOptions(agent, folder, sip_port=None, rtp_ports="23000-23999", parcels=True)
    parts, endpoints = plan(bundle, stack_options)
    gateway = next(part for part in parts if part.name == "gateway")
    tell(f"starting {', '.join(part.name for part in parts)}")
    async with Stack(parts, folder / "logs", tell) as stack, TritonSpeech((endpoints.speech,)) as speech:
        place = Place(
            sip=endpoints.sip,
            records=endpoints.records,
            recognizer=speech,
            synthesizer=speech,
            speak=_speaker(),
            metrics=_page(f"http://127.0.0.1:{_option(gateway, '--metrics-port')}/metrics"),
            usage=lambda: {part.name: _usage(stack, part.name) for part in parts},
            tell=tell,
            cores=len(os.sched_getaffinity(0)),
        )
        yield place, endpoints


async def _sweep(place: Place, endpoints: Endpoints, effort: Effort, *, options: argparse.Namespace) -> int:
    """Listen to the recordings once, then try every set of parameters on what was heard."""
    bundle = read_bundle(str(options.agent or AGENT))
    spec, metadata = bundle.agent.spec, bundle.agent.metadata
    vad = SileroModel(load_profile(spec.voice.profile).vad.file(".onnx"))
    async with TritonSpeech((endpoints.speech,)) as speech, open_client(endpoints.planner) as planner:
        models = Models(
            vad=vad,
            judge=speech,
            recognizer=speech,
            planner=planner,
            spec=spec,
            agent=f"{metadata.namespace}/{metadata.name}",
            revision=bundle.revision,
            clock=place.clock,
        )
        made = of_folder(options.recordings) if options.recordings else await recordings.made(place, effort)
        facts = await gather(made, models, options.output / "turn-facts.json", place.tell)
    points = turn_sweep.sweep(facts, TurnParameters())
    text = f"{len(facts)} recordings, {machine()}\n\n{turn_sweep.table(points)}"
    print(text)
    _write_sweep(options, text, turn_picture.draw(points, turn_sweep.in_use(points), len(facts)))
    return 0


def _write_sweep(options: argparse.Namespace, text: str, picture: str) -> None:
    for path, content in ((options.markdown, text), (options.picture, picture)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


def _option(part: Part, name: str) -> str:
    return part.command[part.command.index(name) + 1]


def _page(url: str) -> Callable[[], "asyncio.Future[str]"]:
    def fetch() -> str:
        with urllib.request.urlopen(url, timeout=5.0) as answer:
            return str(answer.read().decode())

    return lambda: asyncio.ensure_future(asyncio.to_thread(fetch))


def _speaker() -> Callable[[str, str], "asyncio.Future[Pcm]"]:
    """Synthesize each sentence once for each voice: "slt", or "slt@1.2" for slower; between slashes: flite's phones."""
    made: dict[tuple[str, str], asyncio.Future[Pcm]] = {}

    def speak(words: str, voice: str) -> "asyncio.Future[Pcm]":
        key = (words, voice)
        if key not in made:
            name, _, stretch = voice.partition("@")
            flite = FliteVoice(name, stretch=float(stretch or 1.0))
            phones = words.strip("/") if words.startswith("/") else ""
            made[key] = asyncio.ensure_future(flite.phones(phones) if phones else flite.speak(words))
        return made[key]

    return speak


def _usage(stack: Stack, part: str) -> Usage:
    """Add up resident memory and processor time over all processes of a part (proc(5))."""
    pages = ticks = 0
    for process in processes.marked(stack.mark + part):
        with contextlib.suppress(OSError):  # it has just ended
            pages += int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return Usage(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, ticks / os.sysconf("SC_CLK_TCK"))


def machine() -> str:
    """Describe the machine that the figures are from."""
    facts = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines() if ":" in line
    )
    model = next((value.strip() for key, value in facts.items() if key.strip() == "model name"), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB, no accelerator used, load {load:.1f}"


def _write(options: argparse.Namespace, measured: dict[str, list[Line]]) -> None:
    """Write what there is so far: a run that is cut short keeps its finished suites."""
    about = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {machine()}"
    for path in filter(None, (options.json, options.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if options.json is not None:
        suites = {name: [line.as_json() for line in found] for name, found in measured.items()}
        options.json.write_text(json.dumps({"about": about, "suites": suites}, indent=1) + "\n")
    if options.markdown is not None:
        parts = [f"## {name}\n\n{tables.table(found)}" for name, found in measured.items()]
        if "turn" in measured:
            parts.append(f"## Where a turn's wait goes\n\n{stages.table(measured['turn'])}")
        options.markdown.write_text(f"Measured {about}.\n\n" + "\n".join(parts))
