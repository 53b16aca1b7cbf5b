"""The stack that `voiceplane bench` measures, seen from outside: callers, metrics, processor time and memory."""

import asyncio
import contextlib
import os
import platform
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import voiceplane.testing.bench
from voiceplane.cli import processes
from voiceplane.cli.parts import StackOptions, plan
from voiceplane.cli.stack import Part, Stack
from voiceplane.cli.state import Endpoints
from voiceplane.cli.validate import read_bundle
from voiceplane.cli.voices import FliteVoice
from voiceplane.contract.audio import Pcm
from voiceplane.speech.client import SpeechDeadlines, TritonSpeech
from voiceplane.speech.profiles import load_profile
from voiceplane.testing.bench.place import Place, Usage

AGENT = Path(voiceplane.testing.bench.__file__).parent / "desk.yaml"
DEADLINES = SpeechDeadlines(again_s=60.0)  # of recordings: no caller waits for what is heard again


@contextlib.asynccontextmanager
async def open_place(
    folder: Path, tell: Callable[[str], None], agent: Path = AGENT
) -> AsyncIterator[tuple[Place, Endpoints]]:
    """Run the stack of an agent inside the block."""
    bundle = read_bundle(str(agent))
    stack_options = StackOptions(agent, folder, sip_port=None, rtp_ports="23000-23999", parcels=True)
    parts, endpoints = plan(bundle, stack_options)
    gateway = next(part for part in parts if part.name == "gateway")
    triton = next(part for part in parts if part.name == "speech")
    tell(f"starting {', '.join(part.name for part in parts)}")
    async with Stack(parts, folder / "logs", tell) as stack, TritonSpeech((endpoints.speech,), DEADLINES) as speech:
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
            speech_http=f"127.0.0.1:{_option(triton, '--http-port')}",
            second_ear=speech if load_profile(bundle.agent.spec.voice.profile).asr_second is not None else None,
        )
        yield place, endpoints


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
