"""`voiceplane test`: an agent designer's scenarios as real calls, judged on what was heard, with a report."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from voiceplane.cli.arguments import address, new_file, new_folder, no_stack, unreadable, whole
from voiceplane.cli.dev import INTERRUPTED, reporter, running_stack
from voiceplane.cli.parts import PARCELS_HOST, StackOptions, uses_parcels
from voiceplane.cli.ports import NoFreePortError
from voiceplane.cli.stack import StackFailedError
from voiceplane.cli.state import read_endpoints, stack_folder
from voiceplane.cli.validate import read_bundle
from voiceplane.cli.voices import PATIENT, FliteVoice, VoiceUnavailableError
from voiceplane.contract.agent import Objectives
from voiceplane.contract.audio import Pcm
from voiceplane.contract.load import Bundle, InvalidAgentError
from voiceplane.runtime import shutdown
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.client import TritonSpeech
from voiceplane.testing.scenarios import report
from voiceplane.testing.scenarios.judge import needs_record
from voiceplane.testing.scenarios.load import InvalidScenariosError, load_scenarios
from voiceplane.testing.scenarios.model import ScenarioFile
from voiceplane.testing.scenarios.play import Line
from voiceplane.testing.scenarios.run import Place, Result
from voiceplane.testing.scenarios.run import run as run_scenarios

PASSED, FAILED, USAGE, NOT_RUN = 0, 1, 2, 3
EPILOG = """a file of scenarios:
  agent: parcel-desk.yaml            # its stack is started, unless --sip names one that runs
  scenarios:
    - name: a caller hears where the parcel is
      steps:
        - say: "Where is my parcel?"                # each step waits until the agent has finished
        - say: "four five six"
        - say: "seven two one"
          after: 900ms                              # a pause of the caller; also: agent start + 600ms
          expect: {heard: "out for delivery", within_ms: 1500}
      expect:
        tools: parcel-status
        outcome: completed
        absent: {heard: "sorry", tools: reschedule}

examples:
  voiceplane test docs/examples/parcel-desk.scenarios.yaml
  voiceplane test scenarios.yaml --only person --only digits      names that contain one of these words
  voiceplane test scenarios.yaml --sip sip:desk@10.0.0.7:5060 --speech 10.0.0.8:8001 --records 10.0.0.9:9100

Every field: docs/scenarios.md. The report (HTML, a picture and a recording of each call, junit.xml) lies in --output.
exit status: 0 all passed, 1 an expectation was not met, 2 wrong use or mistakes in a file, 3 nothing could be run,
130 stopped by you
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "test",
        help="call an agent as scenarios say, and judge what was heard",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenarios", type=Path, help="a file of scenarios")
    parser.add_argument("--agent", type=Path, help="the agent's YAML; by default the one that the file names")
    parser.add_argument("--sip", metavar="URI", help="call this address instead of starting a stack")
    parser.add_argument("--dev", action="store_true", help="call the stack that `voiceplane dev` runs on this machine")
    parser.add_argument(
        "--speech", type=address, metavar="HOST:PORT", help="Triton that recognizes the recordings, with --sip"
    )
    parser.add_argument(
        "--records", type=address, metavar="HOST:PORT", help="records process for tools and outcomes, with --sip"
    )
    parser.add_argument("--only", action="append", default=[], metavar="WORDS", help="run scenarios so named")
    parser.add_argument(
        "--parallel", type=whole(1, 100), default=2, metavar="N", help="calls at once (default %(default)s)"
    )
    parser.add_argument(
        "--output", type=new_folder, default="build/scenarios", metavar="FOLDER", help="default %(default)s"
    )
    parser.add_argument("--junit", type=new_file, metavar="FILE", help="write the JUnit XML here too")
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to call, and who recognizes and records; `records` may be empty."""

    sip: str
    speech: str
    records: str


class _UsageError(Exception):
    """What was asked for cannot be done; the message says what to change."""


def run(options: argparse.Namespace) -> int:
    """Check the files, run the calls, write the report, say what came of it."""
    try:
        file, bundle = _read(options)
        status = asyncio.run(shutdown.unless_stopped(_work(file, bundle, options)))
        return INTERRUPTED if status is None else status
    except InvalidScenariosError as error:
        for mistake in error.mistakes:
            print(mistake.at(options.scenarios), file=sys.stderr)
        return USAGE
    except InvalidAgentError as error:
        print(f"the agent has mistakes; voiceplane validate explains them:\n{error}", file=sys.stderr)
        return USAGE
    except (_UsageError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return USAGE
    except (StackFailedError, NoFreePortError, VoiceUnavailableError) as error:
        print(error, file=sys.stderr)
        return NOT_RUN


def _read(options: argparse.Namespace) -> tuple[ScenarioFile, tuple[Path, Bundle] | None]:
    try:
        text = options.scenarios.read_text(errors="replace")
    except OSError as error:
        advice = "name a file of scenarios; voiceplane test --help shows one"
        raise _UsageError(unreadable(options.scenarios, error, advice)) from error
    folder = options.scenarios.resolve().parent
    file = load_scenarios(text, folder)
    path = options.agent or (folder / file.agent if file.agent else None)
    try:
        agent = None if path is None else (path, read_bundle(str(path)))
    except OSError as error:
        advice = f"{'--agent' if options.agent else f'`agent:` in {options.scenarios}'} names it"
        raise _UsageError(unreadable(str(path), error, advice)) from error
    if agent is not None:
        file = load_scenarios(text, folder, agent[1].agent.spec)  # again: tools are checked by name
    wanted = [word.lower() for word in options.only]
    kept = tuple(each for each in file.scenarios if not wanted or any(word in each.name.lower() for word in wanted))
    if not kept:
        raise _UsageError(f"no scenario's name contains {' or '.join(options.only)}")
    if file.parcels.slow and (options.sip or options.dev):
        raise _UsageError(
            "parcels: only a stack that this command starts can be told to be slow; not with --sip or --dev"
        )
    if file.parcels.slow and agent is not None and not uses_parcels(agent[1]):
        raise _UsageError(f"parcels: the agent has no tool that calls the example's parcel system ({PARCELS_HOST})")
    return file.model_copy(update={"scenarios": kept}), agent


async def _work(file: ScenarioFile, agent: tuple[Path, Bundle] | None, options: argparse.Namespace) -> int:
    tell = reporter(SystemClock())
    async with _target(file, agent, options, tell) as target, TritonSpeech((target.speech,), PATIENT) as speech:
        if not target.records and any(needs_record(scenario) for scenario in file.scenarios):
            raise _UsageError("tools, outcome and end are judged by the call record: name it with --records HOST:PORT")
        ready = await speech.health()
        if not ready["asr"]:
            told = f"no recognizer is ready at {target.speech}; voiceplane doctor --speech {target.speech} says why"
            raise _UsageError(told)
        line = Line(target.sip, file.patience, options.scenarios.resolve().parent)
        tell(f"{len(file.scenarios)} scenarios against {target.sip}, {options.parallel} calls at once")
        larger = speech if ready["asr_second"] else None
        place = Place(line, speech, target.records, options.parallel, larger)
        results = await run_scenarios(file, place, _speak, tell)
    report.write(results, options.scenarios.name, options.output)
    if options.junit is not None:
        report.junit(results, options.scenarios.name).write(options.junit, encoding="utf-8", xml_declaration=True)
    return _sum_up(results, options.output, None if agent is None else agent[1].agent.spec.objectives)


@contextlib.asynccontextmanager
async def _target(
    file: ScenarioFile,
    agent: tuple[Path, Bundle] | None,
    options: argparse.Namespace,
    tell: Callable[[str], None],
) -> AsyncIterator[_Target]:
    """Use the stack that was named, or start one for the time of the block."""
    if options.sip or options.dev:
        running = read_endpoints(stack_folder())
        sip = options.sip or (running.sip if running else None)
        if sip is None:
            raise _UsageError(no_stack("--sip URI"))
        speech = options.speech or (running.speech if running else None)
        if speech is None:
            raise _UsageError("the recordings need a recognizer: name Triton with --speech HOST:PORT")
        yield _Target(sip, speech, options.records or (running.records if running and not options.sip else ""))
        return
    if agent is None:
        raise _UsageError("which agent? write `agent: FILE` in the scenarios, or use --agent, --dev or --sip")
    path, bundle = agent
    folder = options.output.resolve() / "stack"
    chosen = StackOptions(
        path,
        folder,
        sip_port=None,
        rtp_ports="22000-22999",
        parcels=uses_parcels(bundle),
        slow_parcels=tuple(file.parcels.slow.items()),
    )
    async with running_stack(bundle, chosen, tell) as endpoints:
        yield _Target(endpoints.sip, endpoints.speech, endpoints.records)


async def _speak(words: str, voice: str) -> Pcm:
    return await FliteVoice(voice).speak(words)


def _sum_up(results: tuple[Result, ...], output: Path, objectives: Objectives | None) -> int:
    """Print each scenario with what was not met, then how long callers waited."""
    for number, result in enumerate(results, 1):
        median = report.median_ms(result)
        wait = "" if median is None else f"   median wait {median:.0f} ms"
        print(f"{'passed' if result.passed else 'FAILED'}  {result.scenario.name}{wait}")
        for finding in result.failed:
            print(f"          {finding.told}")
        if not result.passed and result.evidence.record is not None:
            heard = "; ".join(f"“{turn.text}”" for turn in result.evidence.record.caller_turns)
            print(f"          the agent heard: {heard or '(nothing)'}")
        if not result.passed and result.played.recording is not None:
            print(f"          listen: {output / f'{number:02d}.wav'} (left the caller, right the agent)")
    if waits := report.waits_told(results, objectives):
        print(waits)
    good = sum(result.passed for result in results)
    print(f"{good} of {len(results)} passed; report: {output / 'report.html'}")
    return PASSED if good == len(results) else FAILED
