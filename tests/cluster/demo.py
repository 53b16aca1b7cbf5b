"""`make demo-k8s`: helm install, kubectl apply, a call, an edit; what was live keeps its words.

The steps are those of test_demo.py, which asserts on the Report. Without root it runs in a user namespace of its own
(rootless.py), which needs nothing of an administrator on most machines; else it says what is missing.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from tests.alike import closest
from tests.cluster import outside, rootless
from tests.cluster.calls import Caller, calling
from tests.cluster.plane import PlaneFailedError, binaries
from tests.cluster.stage import AGENT, EXAMPLES, SYSTEM, Say, Stage, StageError, running_stage

from voiceplane.cli.install import install
from voiceplane.cli.likeness import says
from voiceplane.cli.voices import PATIENT, TritonVoice
from voiceplane.contract.agent import Mode
from voiceplane.speech.client import TritonSpeech
from voiceplane.testing.phone import PhoneError

OLD_OPENING = "Northwind parcels, this is the automated assistant. How can I help you?"
NEW_OPENING = "Good evening, you have reached the night desk. What do you need?"
OLD_HOURS = "Our parcel shops are open from eight in the morning until eight in the evening, Monday to Saturday."
NEW_HOURS = "Every shop is closed because of the holidays."
ASK_HOURS = "What are your opening hours?"
ASK_PARCEL = ("Where is my parcel?", "four five six, seven two one")
OUT_FOR_DELIVERY = "out for delivery"
TRIES = 3
PAUSE_S = 6.0  # shorter than the silence after which the agent asks whether anybody is there


@dataclass(slots=True)
class Report:
    """What came of it."""

    first_opening: str = ""
    parcel_answer: str = ""
    hours_before: str = ""
    hours_after: str = ""  # the live call's answer when new calls hear the new words already
    second_opening: str = ""
    second_hours: str = ""
    revisions: tuple[str, str] = ("", "")
    live_to_its_end: bool = False
    helm_tests: list[str] = field(default_factory=list)
    sent_outside: list[str] = field(default_factory=list)  # who sent where, in an on-prem region

    def problems(self) -> list[str]:
        """Say what was not as it must be."""
        checks = {
            "the first caller heard another opening": closest(self.first_opening, OLD_OPENING, NEW_OPENING)
            == OLD_OPENING,
            "the first caller was not told the parcel's status": says(self.parcel_answer, OUT_FOR_DELIVERY),
            "the edit made no new revision": self.revisions[0] != self.revisions[1],
            "a new call heard the old opening": closest(self.second_opening, OLD_OPENING, NEW_OPENING) == NEW_OPENING,
            "a new call heard the old hours": closest(self.second_hours, OLD_HOURS, NEW_HOURS) == NEW_HOURS,
            "the live call had other words before": closest(self.hours_before, OLD_HOURS, NEW_HOURS) == OLD_HOURS,
            "the live call lost its words": closest(self.hours_after, OLD_HOURS, NEW_HOURS) == OLD_HOURS,
            "the live call did not live": self.live_to_its_end,
            f"a pod sent packets out of the cluster: {', '.join(self.sent_outside)}": not self.sent_outside,
        }
        return [problem for problem, fine in checks.items() if not fine]


async def play(stage: Stage, folder: Path, mode: Mode = "cloud") -> Report:
    """Do every step; the report is judged by its reader. An on-prem region may send nothing out of the cluster."""
    async with outside.watching(stage.node.interface) as watched:
        report = await _play(stage, folder, mode)
    if mode == "on-prem":
        report.sent_outside = sorted(watched.seen)
        stage.say(f"packets that left for an address outside of the cluster: {len(report.sent_outside) or 'none'}")
    return report


async def _play(stage: Stage, folder: Path, mode: Mode) -> Report:
    say, report = stage.say, Report()
    await stage.install("helm4")
    await stage.apply(EXAMPLES / "kubernetes" / "parcels.yaml")
    await stage.region(folder, mode)
    await stage.apply(AGENT)
    first = await stage.ready()
    await stage.plane.kubectl(
        "rollout", "status", "deployment/voiceplane-collector", "-n", "voiceplane", "--timeout=60s"
    )
    say("the Collector is up: spans go through its redaction")
    for helm in ("helm3", "helm4"):
        for release in ("voiceplane", "voiceplane-region"):
            await stage.plane.tool(helm, "test", release, "--namespace", SYSTEM, "--timeout", "120s")
            report.helm_tests.append(f"{helm} test {release}")
            say(f"{helm} test {release}: succeeded")
    async with TritonSpeech((await stage.speech(),), PATIENT) as speech:
        voice = TritonVoice(speech, "joe")
        target = await stage.sip()
        async with _informed(target, voice, speech, report=report, say=say) as live:
            report.hours_before = await _told(say, "call 1", live.ask_until(ASK_HOURS, OLD_HOURS, NEW_HOURS))
            await stage.edit(folder, (OLD_OPENING, NEW_OPENING), (OLD_HOURS, NEW_HOURS))
            say("kubectl apply: a new opening line and new hours, while call 1 goes on")
            second = await _while_talking(stage, live, first)
            report.revisions = (first, second)
            async with calling(target, voice, speech) as new:
                report.second_opening = await _told(say, "call 2", new.listen())
                report.second_hours = await _told(say, "call 2", new.ask_until(ASK_HOURS, OLD_HOURS, NEW_HOURS))
            say(f"  call 1 caller: {ASK_HOURS}")
            report.hours_after = await _told(say, "call 1", live.ask_until(ASK_HOURS, OLD_HOURS, NEW_HOURS))
            report.live_to_its_end = live.live
    took_s = await stage.settled()
    say(f"call 1 has ended; the gateway that it was on is gone {took_s:.0f} s later")
    return report


@contextlib.asynccontextmanager
async def _informed(
    target: str, voice: TritonVoice, speech: TritonSpeech, *, report: Report, say: Say
) -> AsyncIterator[Caller]:
    """Call and ask for the parcel; call again, as people do, where the number was misheard."""
    for left in reversed(range(TRIES)):
        async with calling(target, voice, speech) as live:
            report.first_opening = await _told(say, "call 1", live.listen())
            for words in ASK_PARCEL:
                say(f"  call 1 caller: {words}")
                report.parcel_answer = await _told(say, "call 1", live.ask(words))
            if not left or says(report.parcel_answer, OUT_FOR_DELIVERY):
                yield live
                return


async def _told(say: Say, call: str, words: Awaitable[str]) -> str:
    """Say what was heard."""
    heard = await words
    say(f"  {call}  agent: {heard}")
    return heard


async def _while_talking(stage: Stage, live: Caller, first: str) -> str:
    """Wait for the new revision while the live call goes on as a call does: it asks again now and then."""
    rolling = asyncio.create_task(stage.ready(other_than=first), name="the new revision")
    try:
        while not (await asyncio.wait({rolling}, timeout=PAUSE_S))[0]:
            await _told(stage.say, "call 1", live.ask_until(ASK_HOURS, OLD_HOURS, NEW_HOURS))
    finally:
        rolling.cancel()
        await asyncio.gather(rolling, return_exceptions=True)
    return rolling.result()


async def main(options: argparse.Namespace) -> int:
    """Run the demonstration; the exit status is 1 when something was not as it must be."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)

    def say(line: str) -> None:
        print(f"{loop.time() - began:6.1f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="voiceplane-k8s-") as name:
        folder = Path(name)
        async with running_stage(folder, say) as stage:
            report = await play(stage, folder, options.mode)
            say("kubectl get voiceagents,voiceregions,pods -A")
            print(await stage.plane.kubectl("get", "voiceagents,voiceregions", "-A"))
            print(await stage.plane.kubectl("get", "pods", "-A"))
            problems = report.problems()
            for line in problems or ["every new call hears the new words; the live call kept its own to its end"]:
                say(line)
            if options.keep:
                say(f"the cluster stays until Ctrl-C: export KUBECONFIG={stage.plane.kubeconfig}")
                if rootless.is_contained():
                    say(f"it is reached from within only: {rootless.way_in()} kubectl get pods -A")
                await asyncio.Event().wait()
    return 1 if problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the cluster until Ctrl-C")
    parser.add_argument("--mode", choices=get_args(Mode), default="cloud", help="mode of the region (default: cloud)")
    chosen = parser.parse_args()
    install()
    if asyncio.run(rootless.denied()):
        asyncio.run(binaries())  # there is no way out in there
        try:
            rootless.enter([sys.executable, "-m", "tests.cluster.demo", *sys.argv[1:]])
        except rootless.NotPermittedError as error:
            sys.exit(str(error))
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        try:
            sys.exit(asyncio.run(main(chosen)))
        except (StageError, PlaneFailedError, PhoneError) as error:
            sys.exit(str(error))
