"""The whole stack as real processes, once for all tests here: what `voiceplane dev` runs, on free ports."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from tests.e2e.alike import alike

from voiceplane.cli.conversation import CallResult, Line, Script, agent_speech, hold, unclear
from voiceplane.cli.likeness import begins
from voiceplane.cli.parts import StackOptions, plan
from voiceplane.cli.stack import Stack
from voiceplane.cli.state import Endpoints
from voiceplane.cli.voices import FliteVoice, transcribe
from voiceplane.contract.audio import Pcm
from voiceplane.contract.load import load_bundle
from voiceplane.contract.trunk import Trunks
from voiceplane.records.client import read_call
from voiceplane.records.errors import NoSuchCallError
from voiceplane.records.rows import AuditRow, CallRow
from voiceplane.runtime import grpc_server
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.health import Wanted
from voiceplane.testing.phone import PhoneCall, PhoneSettings

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
SLOW_PARCEL = "900127"  # takes a part of its tool's deadline of 2 s
IMPATIENT = "  silence: {askAfter: 10s, asks: 1}\n  escalation:"


UNCLEAR = unclear(load_bundle(AGENT.read_text()).agent.spec)
TRIES = 3


@dataclass(slots=True)
class Running:
    """A running stack and what tests do with it.

    A small recognizer mishears one sentence in some dozens. The caller then says it again when asked to, as people do,
    or calls again: these tests are of what follows a sentence, not of the recognizer.
    """

    stack: Stack
    endpoints: Endpoints
    speech: TritonSpeech

    async def call(self, *lines: str | Line, settings: PhoneSettings | None = None) -> "Outcome":
        """Place a call with these lines and return what was heard; the record is read when the call is over."""
        heard: list[str] = []

        async def listen(who: str, what: str | Pcm) -> str:
            if isinstance(what, str):
                return what
            heard.append(await transcribe(self.speech, what))
            return heard[-1]

        script = Script(
            self.endpoints.sip,
            tuple(Line(say=line) if isinstance(line, str) else line for line in lines),
            settings or PhoneSettings(),
            agent_timeout_s=45.0,
            unclear=UNCLEAR,
        )
        result = await hold(script, FliteVoice(), listen)
        record, audits = await self.record(result.call_id)
        return Outcome(result, heard, record, audits)

    async def understood(self, *lines: str | Line, settings: PhoneSettings | None = None) -> "Outcome":
        """Place the call, and again, a few times, where the recognizer misheard a line: what came of it is returned."""
        for _ in range(TRIES):
            outcome = await self.call(*lines, settings=settings)
            if not outcome.misheard(*lines):
                break
        return outcome

    async def answers(self, place: Callable[[], Awaitable[str]]) -> list[str]:
        """Place a call of one sentence, again where that was misheard; return what the agent said, by the record."""
        said: list[str] = []
        for _ in range(TRIES):
            record, _ = await self.record(await place())
            said = [turn.text_pii for turn in record.turns if turn.speaker == "agent"]
            await self.restarted("gateway")  # whatever the call has killed: it takes the next one
            if not any(begins(text, sentence) for text in said for sentence in UNCLEAR):
                break
        return said

    async def ask(self, call: PhoneCall, words: str) -> None:
        """Say something in a call and hear the answer out."""
        sound = await FliteVoice().speak(words)
        for _ in range(TRIES):
            taken = len(call.recording.agent.samples())
            await call.say(sound)
            await call.wait_for_agent_silence(timeout_s=20)
            answer, _ = agent_speech(call, taken)
            heard = await transcribe(self.speech, answer) if answer is not None else ""
            if not any(begins(heard, sentence) for sentence in UNCLEAR):
                break

    async def record(self, call_id: str) -> tuple[CallRow, tuple[AuditRow, ...]]:
        """Read a call's record; it is written just after the call has ended."""
        for _ in range(100):
            try:
                return await read_call(self.endpoints.records, call_id)
            except NoSuchCallError:
                await asyncio.sleep(0.1)
        raise AssertionError(f"no record of call {call_id}")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a part; the supervisor starts it again."""
        pid = self.stack.pid(name)
        assert pid is not None, f"{name} does not run"
        os.kill(pid, number)

    async def restarted(self, name: str) -> None:
        """Wait until the supervisor has brought a part back and it takes requests: the next test needs it.

        A gateway takes calls when all that it needs answers.
        """
        target = str(getattr(self.endpoints, name))
        for _ in range(600):
            if await grpc_server.healthy(target, timeout_s=1):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{name} did not come back")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: the caller's side, the agent's words as recognized, and the record."""

    result: CallResult
    heard: list[str]
    record: CallRow
    audits: tuple[AuditRow, ...]

    @property
    def intents(self) -> list[str]:
        """The intents of what the caller was understood to say."""
        return [turn.intent for turn in self.record.turns if turn.speaker == "caller" and turn.intent]

    @property
    def said(self) -> str:
        """All that the agent said, by the record: as far as its sound went out to the caller."""
        return " ".join(turn.text_pii for turn in self.record.turns if turn.speaker == "agent").lower()

    def hears(self, sentence: str) -> bool:
        """Say whether a sentence is in the caller's recording, as a recognizer that mishears a word has it."""
        return any(alike(heard, sentence) for heard in self.heard)

    def misheard(self, *lines: str | Line) -> bool:
        """Say whether the agent took a line for other words than were spoken."""
        taken = [turn.text_pii for turn in self.record.turns if turn.speaker == "caller"]
        spoken = [line if isinstance(line, str) else line.say for line in lines]
        return not all(any(alike(text, words) for text in taken) for words in spoken if words)


@asynccontextmanager
async def running_agent(
    text: str,
    folder: Path,
    *,
    rtp_ports: str,
    slow_s: float | None = None,
    wanted: Wanted | None = None,
    trunks: Trunks | None = None,
) -> AsyncIterator[Running]:
    """Run the stack of an agent's YAML; the slow parcel takes `slow_s`, and `wanted` models are asked of Triton."""
    agent = folder / "agent.yaml"
    agent.write_text(text)
    slow = () if slow_s is None else ((SLOW_PARCEL, slow_s),)
    options = StackOptions(
        agent, folder, sip_port=None, rtp_ports=rtp_ports, parcels=True, slow_parcels=slow, trunks=trunks
    )
    parts, endpoints = plan(load_bundle(text), options)
    stack = Stack(parts, folder / "logs", lambda line: print(line, file=sys.stderr))
    async with stack, TritonSpeech((endpoints.speech,), wanted=wanted) as speech:
        yield Running(stack, endpoints, speech)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(tmp_path_factory: object) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("stack")  # type: ignore[attr-defined]
    text = AGENT.read_text().replace("  escalation:", IMPATIENT)
    async with running_agent(text, folder, rtp_ports="24000-24999", slow_s=1.5) as started:
        yield started
