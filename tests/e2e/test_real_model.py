"""Calls to an agent whose planner is a real model on a real server: SmolLM2 on llama.cpp, which says what it likes.

So only that is asserted which must hold whatever it says: it may talk nonsense, and then the flow planner answers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.e2e.conftest import AGENT, Running, running_agent
from tests.e2e.customers import PIN, Customers, customers
from tests.planner.conftest import free_port
from tests.planner.llama import llama, metric

from voiceplane.cli.conversation import Line
from voiceplane.cli.voices import FliteVoice
from voiceplane.records.client import read_trace
from voiceplane.records.rows import SpanRow
from voiceplane.testing.phone import Phone, PhoneCall

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]  # the first run installs the model
SELL = "Tell me about the things you sell."
STORY = "Please tell me a long story about a parcel that travels the world."
LEAVE = "I want to end my contract."
CALLS = 4  # nonsense, which is not spoken, has no end that is counted; and a line may be misheard
MODEL = '{model: {endpoint: "URL", name: smollm2, maxTokens: 64, firstToken: 10s, timeout: 40s}}'
ESCALATION = '  escalation: {target: "sip:queue@pbx.example", onUnsure: 2, onRequest: true}\n'  # would end the call
SILENT_S = 20.0  # from the server's death to the agent's first word; the machine may be busy


@dataclass(frozen=True, slots=True)
class Modelled:
    """The stack, the model's server, who knows the callers, and how the server dies."""

    running: Running
    endpoint: str
    customers: Customers
    kill: Callable[[], None]

    async def chats(self, call_id: str) -> list[SpanRow]:
        """Return the requests to the model in a call's trace; they come soon after its end."""
        return await self._spans(call_id, "chat smollm2")

    async def _spans(self, call_id: str, name: str) -> list[SpanRow]:
        found: list[SpanRow] = []
        for _ in range(40):
            spans = await read_trace(self.running.endpoints.records, call_id)
            found, before = [span for span in spans if span.name == name], found
            if found and len(found) == len(before):
                break
            await asyncio.sleep(1.0)
        return found

    async def fallbacks(self, call_id: str) -> set[str]:
        """Return why the flow planner answered in the model's place."""
        replies = await self._spans(call_id, "planner.reply")
        return {
            span.attributes["voice.planner.fallback"] for span in replies if "voice.planner.fallback" in span.attributes
        }

    async def works(self, busy: bool) -> None:
        """Wait until the server has a request, or none."""
        for _ in range(1500):
            if bool(await asyncio.to_thread(metric, self.endpoint, "requests_processing")) is busy:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the server never began" if busy else "the server goes on generating")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def modelled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Modelled]:
    folder = tmp_path_factory.mktemp("real-model")
    with ExitStack() as server:
        endpoint = server.enter_context(llama(free_port(), folder / "llama.log"))
        async with customers() as system:
            text = AGENT.read_text().replace("{flow: {}}", MODEL.replace("URL", endpoint)).replace(ESCALATION, "")
            async with running_agent(system.protects(text), folder, rtp_ports="26500-26999") as running:
                yield Modelled(running, endpoint, system, server.close)


async def test_a_caller_is_answered_in_speech_and_the_models_tokens_stand_in_the_trace(modelled: Modelled) -> None:
    before = metric(modelled.endpoint, "tokens_predicted_total")
    counted: list[int] = []
    for _ in range(CALLS):
        outcome = await modelled.running.call_once(SELL, "And what else could I do with that?", SELL)
        assert outcome.failed is None and len(outcome.audio) == 4
        assert [turn.speaker for turn in outcome.record.turns if turn.text_pii].count("agent") >= 4
        chats = await modelled.chats(outcome.record.call_id)
        assert chats, "the model was never asked"
        assert {span.attributes["gen_ai.request.model"] for span in chats} == {"smollm2"}
        whole = [span.attributes for span in chats if "gen_ai.usage.output_tokens" in span.attributes]
        assert all(int(each["gen_ai.usage.input_tokens"]) > 50 for each in whole)
        counted += [int(each["gen_ai.usage.output_tokens"]) for each in whole]
        if counted:
            break
    assert counted and all(0 < count <= 64 for count in counted)
    assert metric(modelled.endpoint, "tokens_predicted_total") >= before + sum(counted)


async def test_whatever_the_model_says_no_contract_ends_without_the_pin(modelled: Modelled) -> None:
    for _ in range(CALLS):
        outcome = await modelled.running.call_once(SELL, LEAVE, Line(keys="1234#"), Line(keys=f"{PIN}#"), SELL)
        done = [(audit.tool, audit.outcome) for audit in outcome.audits]
        known = False
        for tool, result in done:
            assert tool != "end-contract" or (result == "ok") is known, done
            known = known or (tool, result) == ("check-pin", "ok")
        kept = " ".join(turn.text_pii for turn in outcome.record.turns)
        assert PIN not in kept and "1234" not in kept
        if known:
            break
    assert ("end-contract", "ok") in done and "Your contract has ended." in kept
    assert modelled.customers.ended == 1


async def test_a_caller_who_hangs_up_stops_the_generation(modelled: Modelled) -> None:
    for _ in range(CALLS):
        async with speaking(modelled, STORY) as call:
            await modelled.works(busy=True)
        await modelled.works(busy=False)
        chats = await modelled.chats(call.leg.dialog.remote_session_id)
        if any(span.attributes.get("voice.cancelled") == "true" for span in chats):
            return
    raise AssertionError("each time the model was done before the caller was gone")


async def test_a_server_that_dies_in_a_call_leaves_a_caller_who_is_answered(modelled: Modelled) -> None:
    """The last test of this file: the model is gone after it."""
    async with speaking(modelled, STORY) as call:
        await modelled.works(busy=True)
        modelled.kill()
        died = time.monotonic()
        await call.wait_for_agent_speech(timeout_s=30)
        assert time.monotonic() - died < SILENT_S
        await call.wait_for_agent_silence(timeout_s=30)
        await call.say(await FliteVoice().speak(SELL))
        await call.wait_for_agent_silence(timeout_s=30)
        call_id = call.leg.dialog.remote_session_id
    record, _ = await modelled.running.record(call_id)
    said = [turn.text_pii for turn in record.turns if turn.speaker == "agent"]
    assert len(said) >= 3 and all(said), said
    assert "away" in await modelled.fallbacks(call_id)


@asynccontextmanager
async def speaking(modelled: Modelled, words: str) -> AsyncIterator[PhoneCall]:
    """Call, hear the opening and begin to speak: a model may be asked before the last word."""
    sound = await FliteVoice().speak(words)
    async with Phone(modelled.running.endpoints.sip) as call:
        await call.wait_for_agent_silence(timeout_s=20)
        saying = asyncio.create_task(call.say(sound))
        try:
            yield call
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
            await call.hang_up()
