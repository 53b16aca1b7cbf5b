"""`voiceplane bench`: start the real stack, place real calls, measure them from outside, print a table."""

import argparse
import asyncio
import json
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from voiceplane.cli.arguments import new_file, new_folder, unreadable, whole
from voiceplane.cli.bench_place import AGENT, machine, open_place
from voiceplane.cli.dev import INTERRUPTED, reporter
from voiceplane.cli.ports import NoFreePortError
from voiceplane.cli.stack import StackFailedError
from voiceplane.cli.state import Endpoints
from voiceplane.cli.validate import read_bundle
from voiceplane.cli.voices import VoiceUnavailableError
from voiceplane.contract.load import InvalidAgentError
from voiceplane.planner.client import open_client
from voiceplane.runtime import shutdown
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.profiles import load_profile, profile_names
from voiceplane.speech.vad import SileroModel
from voiceplane.testing.bench import lines as tables
from voiceplane.testing.bench import recordings, stages, turn_picture, turn_sweep
from voiceplane.testing.bench.lines import Line
from voiceplane.testing.bench.place import Effort, Place
from voiceplane.testing.bench.recordings import RecordingsError, of_folder
from voiceplane.testing.bench.suites import SUITES
from voiceplane.testing.bench.turn_facts import Models, gather
from voiceplane.turn.parameters import TurnParameters

OFFSETS = 3
EPILOG = """examples:
  voiceplane bench --quick                       every suite, few cases, about 5 minutes
  voiceplane bench --json bench.json             every suite; docs/benchmarks.md says what each measures
  voiceplane bench --suite turn --suite load     only these
  voiceplane bench --runs 3                      three times as many cases
  voiceplane bench --suite turn --profile cpu-base   the same calls with another speech profile
  voiceplane bench turns --recordings my/calls   the same over your own recordings, listed in my/calls/recordings.csv
  voiceplane bench turns --recordings my/calls --agent my/agent.yaml   they were said to this agent
  voiceplane bench turns --picture turns.svg     sweep the end of turn over recordings: cut-offs against delay

Starts its own stack (gateway, Triton, planner, tools, records) and calls it with the test phone and flite's voices.
Figures say something only on a machine that does nothing else.
exit status: 0 measured, also where a goal is not reached; 1 something could not be measured; 2 wrong use;
130 stopped by you: the suites that were done are in --json and --markdown
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bench",
        help="measure calls to a real stack from outside",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("calls", "turns"), default="calls", help="default %(default)s")
    parser.add_argument("--picture", type=new_file, metavar="FILE", help="with turns: write the sweep as SVG")
    parser.add_argument(
        "--offsets", type=whole(1, 100), metavar="N", help="with turns: hear each recording at N places (default 3)"
    )
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="with turns: these; docs/benchmarks.md")
    parser.add_argument(
        "--agent", type=Path, metavar="FILE", help="with --recordings: the VoiceAgent they were said to"
    )
    parser.add_argument("--suite", action="append", choices=sorted(SUITES), help="run this one; again for more")
    parser.add_argument(
        "--profile", choices=profile_names(), help="speech of the bench's own agent (default cpu-small)"
    )
    parser.add_argument("--runs", type=whole(1, 1000), default=1, metavar="N", help="times the usual number of cases")
    parser.add_argument("--quick", action="store_true", help="few cases")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all values")
    parser.add_argument("--markdown", type=new_file, metavar="FILE", help="write the tables")
    parser.add_argument(
        "--output", type=new_folder, default="build/bench", metavar="FOLDER", help="logs (default %(default)s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the suites and write what came of them."""
    if told := _misplaced(options):
        print(told, file=sys.stderr)
        return 2
    if options.agent is not None and options.recordings is None:
        print("--agent goes with turns --recordings: the suites know what their own agent says", file=sys.stderr)
        return 2
    if options.agent is not None and options.profile is not None:
        print("--profile is of the bench's own agent; the one of --agent names its own", file=sys.stderr)
        return 2
    try:
        if options.recordings is not None:
            of_folder(options.recordings)  # what is wrong with them is told before a stack is started for them
        if options.agent is not None:
            read_bundle(str(options.agent))
    except OSError as error:
        print(unreadable(options.agent, error, "--agent names it"), file=sys.stderr)
        return 2
    except (RecordingsError, InvalidAgentError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        status = asyncio.run(shutdown.unless_stopped(_work(options)))
        return INTERRUPTED if status is None else status
    except (
        StackFailedError,
        NoFreePortError,
        VoiceUnavailableError,
        RecordingsError,
        OSError,
    ) as error:
        print(error, file=sys.stderr)
        return 1


def _misplaced(options: argparse.Namespace) -> str:
    """Name an option that would do nothing beside the others; empty where each does something."""
    turns = {"picture": options.picture, "offsets": options.offsets, "recordings": options.recordings}
    calls = {"suite": options.suite, "json": options.json}
    ignored, other = (calls, "voiceplane bench calls") if options.what == "turns" else (turns, "voiceplane bench turns")
    given = [f"--{name}" for name, value in ignored.items() if value is not None]
    return f"{given[0]} goes with {other}" if given else ""


async def _work(options: argparse.Namespace) -> int:
    tell = reporter(SystemClock())
    effort = Effort(quick=options.quick, runs=options.runs)
    measured: dict[str, list[Line]] = {}
    failed: list[str] = []
    agent = options.agent or _own_agent(options.profile, options.output)
    async with open_place(options.output.resolve(), tell, agent) as (place, endpoints):
        if options.what == "turns":
            return await _sweep(place, endpoints, effort, agent=agent, options=options)
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


def _own_agent(profile: str | None, folder: Path) -> Path:
    """Return the bench's agent, with another profile as a copy in the folder."""
    if profile is None:
        return AGENT
    text = AGENT.read_text()
    own = read_bundle(str(AGENT)).agent.spec.voice.profile
    copy = folder / f"desk-{profile}.yaml"
    copy.write_text(text.replace(f"profile: {own}", f"profile: {profile}"))
    return copy


async def _sweep(
    place: Place, endpoints: Endpoints, effort: Effort, *, agent: Path, options: argparse.Namespace
) -> int:
    """Listen to the recordings once, then try every set of parameters on what was heard."""
    bundle = read_bundle(str(agent))
    spec = bundle.agent.spec
    vad = SileroModel(load_profile(spec.voice.profile).vad.file(".onnx"))
    async with TritonSpeech((endpoints.speech,)) as speech, open_client(endpoints.planner) as planner:
        models = Models(
            vad=vad,
            judge=speech,
            recognizer=speech,
            planner=planner,
            spec=spec,
            agent=bundle.agent_name,
            revision=bundle.revision,
            clock=place.clock,
        )
        made = of_folder(options.recordings) if options.recordings else await recordings.made(place, effort)
        kept, offsets = options.output / "turn-facts.json", options.offsets or OFFSETS
        facts = await gather(made, models, kept, tell=place.tell, offsets=offsets)
    points = turn_sweep.sweep(facts, TurnParameters())
    heard = f"{len(made)} recordings, each at {offsets} offsets, {machine()}"
    text = f"{heard}\n\n{turn_sweep.table(points)}\nIn use:\n\n{turn_sweep.spread(turn_sweep.in_use(points))}"
    print(text)
    _write_sweep(options, text, turn_picture.draw(points, turn_sweep.in_use(points), len(facts)))
    return 0


def _write_sweep(options: argparse.Namespace, text: str, picture: str) -> None:
    for path, content in ((options.markdown, text), (options.picture, picture)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)


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
