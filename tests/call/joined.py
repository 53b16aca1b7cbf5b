"""One gateway's calls joined as in production over real SIP and RTP; behind it fakes that answer at once."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from voiceplane.call.hub import CallHub
from voiceplane.call.loop import run_call
from voiceplane.call.patience import Patience
from voiceplane.call.ports import ToolsPort
from voiceplane.call.site import Site
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.contract.dialogue import Done, ReplyEvent, ReplyRequest, Say, ToolReply, ToolRequest
from voiceplane.contract.load import load_bundle
from voiceplane.media.server import MediaServer, MediaSettings
from voiceplane.records.rows import CallRow
from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.server import SipServer
from voiceplane.sip.state import AgentSettings
from voiceplane.sip.trunks import Ways
from voiceplane.speech.cache import PhraseCache, VoiceChoice
from voiceplane.speech.ports import InferenceTiming, SpeechChunk, Transcript, TurnVerdict

NO_TIME = InferenceTiming(0.0, 0.0, 0.0)
WORD_MS = 60
AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  silence: {askAfter: 2s, asks: 1, ask: "Still there?", goodbye: "Bye."}
  escalation: {target: "sip:queue@pbx.example"}
  intents: [{name: hours, examples: ["when are you open"], reply: "Always."}]
"""


class Detector:
    """Loud is voice."""

    def probability(self, window: bytes) -> float:
        """Judge by the mean power."""
        return 0.99 if float(np.mean(np.square(np.frombuffer(window, "<i2").astype(np.float64)))) > 1e5 else 0.0


class Vad:
    """Makes detectors."""

    def detector(self) -> Detector:
        """Return one."""
        return Detector()


@dataclass
class Speech:
    """Recognizes what it is told to, speaks a tone a word; remembers what was asked of it."""

    words: str = "when are you open"
    recognized: int = 0

    async def recognize(self, audio: bytes, *, hints: str = "", partial: bool = False) -> Transcript:
        """Return the fixed words."""
        self.recognized += 1
        return Transcript(self.words, (), NO_TIME)

    async def end_probability(self, audio: bytes) -> TurnVerdict:
        """Be sure."""
        return TurnVerdict(0.99, NO_TIME)

    async def synthesize(
        self, text: str, voice: str, *, sample_rate: int, speed: float = 1.0
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Yield a tone for each word."""
        count = sample_rate * WORD_MS // 1000
        tone = (8000 * np.sin(np.arange(count) * 2 * np.pi * 400 / sample_rate)).astype("<i2").tobytes()
        for word in text.split():
            yield SpeechChunk(Pcm(tone, sample_rate), (WordTime(word, 0, WORD_MS),), NO_TIME)


@dataclass
class Planner:
    """Answers by its table of words or keys; remembers every request."""

    replies: dict[str, tuple[ReplyEvent, ...]] = field(default_factory=dict)
    asked: list[ReplyRequest] = field(default_factory=list)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply to what was said."""
        self.asked.append(request)
        for event in self.replies.get(getattr(request.input, "text", ""), (Say("Yes."),)):
            yield event
        yield Done(request.state, "hours", 1.0)


class Tools:
    """There are none."""

    async def invoke(self, request: ToolRequest) -> ToolReply:
        """Fail the test."""
        raise AssertionError(f"no tool is asked for, but {request.tool}")


@dataclass
class Records:
    """Keeps the records of ended calls."""

    rows: "asyncio.Queue[CallRow]" = field(default_factory=asyncio.Queue)

    def append(self, row: CallRow) -> None:
        """Take a record."""
        self.rows.put_nowait(row)


@dataclass
class Joined:
    """The running gateway and its fakes."""

    target: str
    site: Site
    speech: Speech
    planner: Planner
    records: Records

    async def record(self) -> CallRow:
        """Return the next ended call's record."""
        async with asyncio.timeout(20):
            return await self.records.rows.get()


@contextlib.asynccontextmanager
async def joined(
    folder: Path,
    *,
    agent: str = AGENT,
    planner: Planner | None = None,
    tools: ToolsPort | None = None,
    ways: Ways | None = None,
    patience: Patience | None = None,
    media_timeout_s: float = 30.0,
    longest_hold_s: float = 600.0,
) -> AsyncIterator[Joined]:
    """Answer calls until the block ends."""
    clock, speech, planner, records = SystemClock(), Speech(), planner or Planner(), Records()
    settings = MediaSettings(first_port=26000, last_port=26999, quarantine_s=0.0, timeout_s=media_timeout_s)
    bundle = load_bundle(agent)
    server = SipServer(UserAgent(AgentSettings(port=0), Limits()), clock, refused=lambda event: None)
    server.open_to(ways or Ways())
    async with MediaServer(settings, clock).running() as media, server.listening("127.0.0.1", 0) as sip:
        site = Site(
            bundle=bundle,
            clock=clock,
            media=media,
            recognizer=speech,
            judge=speech,
            voices={rate: PhraseCache(speech, VoiceChoice("joe", "x", rate), folder) for rate in (8000, 16_000)},
            vad=cast(Any, Vad()),
            planner=planner,
            tools=tools or Tools(),
            records=cast(Any, records),
            hub=CallHub(clock.wall_ns),
            patience=patience or Patience(),
            longest_hold_s=longest_hold_s,
        )
        async with asyncio.TaskGroup() as tasks:

            async def answer() -> None:
                async for call in sip.calls():
                    tasks.create_task(run_call(call, site))

            answering = tasks.create_task(answer())
            yield Joined(f"sip:desk@127.0.0.1:{sip.port}", site, speech, planner, records)
            answering.cancel()
