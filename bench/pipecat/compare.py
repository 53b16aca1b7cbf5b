"""Call pipecat's bot and our stack with the same recordings and measure both from outside, on both audio tracks.

Run by ./run. What is compared: turn latency, barge-in stop time, backchannels that end the agent's turn, processor time
a call. Both get PCMU over RTP from the same phone, the same model files, the same words to say.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from voiceplane.cli.arguments import new_file, new_folder, whole
from voiceplane.cli.bench_place import AGENT, machine, open_place
from voiceplane.cli.dev import reporter
from voiceplane.cli.ports import free_ports
from voiceplane.cli.stack import StackFailedError
from voiceplane.cli.validate import read_bundle
from voiceplane.cli.voices import VoiceUnavailableError
from voiceplane.contract.audio import Pcm
from voiceplane.runtime.clock import SystemClock
from voiceplane.speech.profiles import load_profile
from voiceplane.testing.bench import backchannels, barge_in, turns
from voiceplane.testing.bench.caller import Act, After, Held, follow, hold, keep, voiced
from voiceplane.testing.bench.line import keep_times
from voiceplane.testing.bench.lines import Line, of_cases, table
from voiceplane.testing.bench.place import VOICES, Place
from voiceplane.testing.phone.audio import as_samples
from voiceplane.testing.phone.codecs import CODECS
from voiceplane.testing.phone.rtp import MediaStream

Call = Callable[[list[Act]], Awaitable[Held]]
BETWEEN_S = 2.0  # the bot takes a line that was quiet for a second for a new caller's
# What each says to the callers' sentences; the first key that is found in the recognized words decides.
KEYS = (("insur", "insurance"), ("pack a", "packing"), ("packing", "packing"), ("pric", "prices"), ("cost", "prices"),
        ("open", "opening-hours"))  # fmt: skip
ASK, STATUS = (
    "What is the six digit parcel number?",
    "Parcel {} is out for delivery and should arrive today before six.",
)
DIALOGUE = (
    ("intent", "Where is my parcel?"),
    ("digits", "Four five six, seven two one."),
    ("question", "When are you open?"),
    ("intent", "Can you track my package?"),
    ("digits", "Four five six, seven two one."),
)


class BotFailedError(Exception):
    """Pipecat's bot does not run; the message names its log."""


class RawCall:
    """A call without signaling: the phone's sound alone."""

    ended = False

    def __init__(self, media: MediaStream) -> None:
        self.media = media

    async def say(self, pcm: Pcm) -> None:
        self.media.microphone.say(as_samples(pcm))
        async with asyncio.timeout(pcm.duration_ms / 1000 + 5.0):
            await self.media.microphone.idle.wait()


async def call_bot(port: int, acts: list[Act]) -> Held:
    """Hold one call with the bot."""
    held, clock = Held(), SystemClock()
    media = MediaStream("127.0.0.1", CODECS["PCMU"], clock)
    media.remote = ("127.0.0.1", port)
    track = keep_times(media)
    pacing = asyncio.create_task(media.pace(), name="phone pacer")
    try:
        await follow(RawCall(media), acts, clock, held=held)
    finally:
        pacing.cancel()
        await asyncio.gather(pacing, return_exceptions=True)
        media.close()
    keep(media, track, held)
    return held


@contextlib.asynccontextmanager
async def running_bot(python: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Run the bot inside the block; yields its port and process id."""
    spec = read_bundle(str(AGENT)).agent.spec
    said = {intent.name: intent.reply for intent in spec.intents}
    replies = [(key, said[name]) for key, name in KEYS]
    digits = "four five six seven two one 4 5 6 7 2 1".split()
    replies += [(digit, STATUS.format("4 5 6 7 2 1")) for digit in digits] + [("parcel", ASK), ("package", ASK)]
    script = {"opening": spec.opening, "unsure": spec.phrases.unsure, "replies": replies}
    (folder / "replies.json").write_text(json.dumps(script))
    profile, port = load_profile(spec.voice.profile), next(free_ports())
    voice = profile.voice(spec.voice.name).file(".onnx")
    models = ("--whisper", str(profile.asr.folder), "--piper", str(voice))
    options = ("--port", str(port), *models, "--replies", str(folder / "replies.json"))
    with (folder / "bot.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            python, str(Path(__file__).parent / "bot.py"), *options, stdout=asyncio.subprocess.PIPE, stderr=log
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(90.0):
                if await process.stdout.readline() != b"ready\n":  # an empty line: it has ended
                    raise BotFailedError(f"the bot did not start: {folder / 'bot.log'}")
            await asyncio.sleep(1.0)
            yield port, process.pid
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@dataclass(frozen=True, slots=True)
class Script:
    """The calls that both get."""

    turns: list[list[Act]]
    interrupted: list[list[Act]]
    murmured: list[list[Act]]


async def scripts(place: Place, calls: int) -> Script:
    """Make them, with flite's voices in turn."""
    dice = random.Random(41)
    voices = [VOICES[number % len(VOICES)] for number in range(calls)]
    murmured = []
    for number, voice in enumerate(voices):
        request = backchannels.REQUESTS[number % len(backchannels.REQUESTS)]
        acts = [Act("request", request, await voiced(place, request, voice))]
        for turn in range(backchannels.A_REPLY):
            words = backchannels.MURMURS[(number + turn) % len(backchannels.MURMURS)]
            after, wait_s = (After.ACT, backchannels.EVERY_S) if turn else (After.AGENT_START, 2.0)
            acts.append(Act("murmur", words, await voiced(place, words, voice), after, wait_s))
        murmured.append(acts)
    return Script(
        [[Act(kind, words, await voiced(place, words, voice)) for kind, words in DIALOGUE] for voice in voices],
        [await barge_in.script(place, voice, dice, latest_s=5.0) for voice in voices],
        murmured,
    )


def ended_by_murmur(call: Held) -> list[bool]:
    """Judge by sound alone, for both alike: the agent stopped and did not go on for two seconds."""
    found = []
    for deed in call.deeds:
        if deed.act.kind == "murmur":
            found.append(backchannels.pause_ms(call, deed) >= backchannels.ENDED_MS)
            if found[-1]:
                break  # what follows is said to a silent agent
    return found


async def rested(call: Call, acts: list[Act]) -> Held:
    """Hold a call, then leave the line quiet: what that costs belongs to no call, ours or theirs."""
    held = await call(acts)
    await asyncio.sleep(BETWEEN_S)
    return held


async def measure(name: str, call: Call, script: Script, *, cpu_s: Callable[[], float]) -> list[Line]:
    """Hold all calls, one at a time. Processor time is counted from a call's beginning to its end, for both alike."""
    used, seconds = 0.0, 0.0

    async def watched(acts: list[Act]) -> Held:
        nonlocal used, seconds
        began, before = SystemClock().monotonic(), cpu_s()
        held = await call(acts)
        used, seconds = used + cpu_s() - before, seconds + SystemClock().monotonic() - began
        return held

    print(f"{name}: turns", file=sys.stderr, flush=True)
    spoken = [await rested(watched, acts) for acts in script.turns]
    print(f"{name}: interruptions", file=sys.stderr, flush=True)
    interrupted = [await rested(call, acts) for acts in script.interrupted]
    print(f"{name}: backchannels", file=sys.stderr, flush=True)
    murmured = [await rested(call, acts) for acts in script.murmured]
    ended = [over for held in murmured for over in ended_by_murmur(held)]
    waits = tuple(wait for held in spoken for _, wait in turns.waits(held))
    lost = [not turns.answered(held, index) for held in spoken for index in range(len(held.deeds))]
    stops = tuple(stop for held in interrupted for stop in barge_in.stops(held))
    over = [(held, deed) for held in interrupted for deed in barge_in.interruptions(held)]
    for_good = tuple(barge_in.silenced_ms(held, deed) - deed.start_ms for held, deed in over)
    return [
        Line(f"{name}: caller's last sound to agent's first", "ms", waits),
        of_cases(f"{name}: turns without an answer, or cut in on", lost),
        Line(f"{name}: caller's first sound to the agent's first silence of 300 ms", "ms", stops),
        Line(f"{name}: caller's first sound to agent silent for good", "ms", for_good),
        of_cases(f"{name}: backchannels that ended the agent's turn", ended),
        Line(f"{name}: cores used in one call", "cores", (used / seconds,)),
    ]


def process_cpu_s(pid: int) -> float:
    """Return the processor time of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bot-python", required=True)
    parser.add_argument("--calls", type=whole(1, 100), default=8, help="of each kind (default %(default)s)")
    parser.add_argument("--json", type=new_file)
    parser.add_argument("--markdown", type=new_file)
    parser.add_argument("--output", type=new_folder, default="build/bench-pipecat")
    options = parser.parse_args()
    options.output = options.output.resolve()
    return options


async def main(options: argparse.Namespace) -> None:
    """Measure ours, then theirs; neither runs while the other is measured."""
    folder: Path = options.output
    async with open_place(folder / "stack", reporter(SystemClock())) as (place, _):
        script = await scripts(place, options.calls)

        def ours_cpu_s() -> float:
            return sum(used.cpu_s for used in place.usage().values())

        lines = await measure("voiceplane", lambda acts: hold(place, acts), script, cpu_s=ours_cpu_s)
    async with running_bot(options.bot_python, folder) as (port, pid):
        theirs = await measure("pipecat", lambda acts: call_bot(port, acts), script, cpu_s=lambda: process_cpu_s(pid))
    lines = [line for pair in zip(lines, theirs, strict=True) for line in pair]
    text = f"{machine()}\n\n{table(lines)}"
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text)
    if options.json is not None:
        options.json.write_text(json.dumps([line.as_json() for line in lines], indent=1) + "\n")


if __name__ == "__main__":
    try:
        asyncio.run(main(arguments()))
    except (StackFailedError, VoiceUnavailableError, BotFailedError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
