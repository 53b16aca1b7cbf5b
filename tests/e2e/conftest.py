"""The whole stack as real processes, once for all tests here: what `voiceplane dev` runs, on free ports."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest_asyncio
from tests.e2e.caller import Caller
from tests.e2e.outcomes import Outcome

from voiceplane.cli.conversation import Line
from voiceplane.cli.parts import StackOptions, plan
from voiceplane.cli.stack import Stack
from voiceplane.cli.state import Endpoints
from voiceplane.cli.voices import PATIENT, transcribe
from voiceplane.contract.load import load_bundle
from voiceplane.contract.trunk import Trunks
from voiceplane.records.client import read_call
from voiceplane.records.errors import NoSuchCallError
from voiceplane.records.rows import AuditRow, CallRow
from voiceplane.rpc.v1 import calls_pb2_grpc
from voiceplane.runtime import grpc_server
from voiceplane.speech.client import TritonSpeech
from voiceplane.speech.health import Wanted
from voiceplane.testing.phone import Phone, PhoneError, PhoneSettings

AGENT = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
SLOW_PARCEL = "900127"  # takes a part of its tool's deadline of 2 s
IMPATIENT = "  silence: {askAfter: 10s, asks: 1}\n  escalation:"

TRIES = 4

Talk = Callable[[Caller], Awaitable[None]]


@dataclass(slots=True)
class Running:
    """A running stack and what tests do with it. A call in which the agent misheard a sentence is placed again."""

    stack: Stack
    endpoints: Endpoints
    speech: TritonSpeech

    async def call(self, *lines: str | Line, settings: PhoneSettings | None = None) -> Outcome:
        """Place a call with these lines; the record is read when the call is over."""
        return await self._until_understood(lambda: self.call_once(*lines, settings=settings))

    async def lead(self, talk: Talk, settings: PhoneSettings | None = None) -> Outcome:
        """Place a call and let a test lead it; the record is read when the call is over."""
        return await self._until_understood(lambda: self._led(talk, settings))

    async def call_once(self, *lines: str | Line, settings: PhoneSettings | None = None) -> Outcome:
        """Place a call with these lines, whatever the agent makes of them."""
        outcome = await self._led(lambda caller: caller.follow(*lines), settings)
        return replace(outcome, heard=tuple([await transcribe(self.speech, sound) for sound in outcome.audio]))

    async def _led(self, talk: Talk, settings: PhoneSettings | None) -> Outcome:
        """Place the call. One that failed is an outcome too: the agent may have taken a sentence for another."""
        failed: PhoneError | TimeoutError | None = None
        async with grpc_server.channel(self.endpoints.gateway) as channel:
            stub: Any = calls_pb2_grpc.CallsStub(channel)
            async with Phone(self.endpoints.sip, settings) as call:
                caller = Caller(call, stub)
                try:
                    await talk(caller)
                except (PhoneError, TimeoutError) as error:
                    failed = error
        record, audits = await self.record(call.leg.dialog.remote_session_id)
        return Outcome(tuple(caller.spoken), record, audits, call, audio=tuple(caller.audio), failed=failed)

    async def _until_understood(self, place: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Place a call, again where a sentence was misheard; the last one is judged whatever was heard."""
        for left in reversed(range(TRIES)):
            outcome = await place()
            if not outcome.misheard or not left:
                break
            print(f"placed again, for the agent misheard its caller: {outcome.misheard}", file=sys.stderr)
            await self.restarted("gateway")  # whatever the call has killed: it takes the next one
        if outcome.failed is not None:
            raise outcome.failed
        return outcome

    async def record(self, call_id: str) -> tuple[CallRow, tuple[AuditRow, ...]]:
        """Read a call's record; it is written just after the call has ended."""
        for _ in range(300):
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
        for _ in range(1800):
            if await grpc_server.healthy(target, timeout_s=1):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{name} did not come back")


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
    async with stack, TritonSpeech((endpoints.speech,), PATIENT, wanted=wanted) as speech:
        yield Running(stack, endpoints, speech)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(tmp_path_factory: object) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("stack")  # type: ignore[attr-defined]
    text = AGENT.read_text().replace("  escalation:", IMPATIENT)
    async with running_agent(text, folder, rtp_ports="24000-24999", slow_s=1.5) as started:
        yield started
