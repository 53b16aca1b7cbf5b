"""Calls to an agent whose planner is a language model: a scripted endpoint, and all else real up to the wire."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.e2e.caller import Caller, until
from tests.e2e.conftest import AGENT, IMPATIENT, SLOW_PARCEL, Running, running_agent
from tests.e2e.customers import PIN, Customers, customers
from tests.planner.scripted import Call, Finish, Pause, Script, Scripted, Words, scripted

from voiceplane.cli.conversation import Line

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(420)]
SELL = "Tell me about the things you sell."
LATE = "Something that I ordered is late."
LEAVE = "You are too expensive and I am leaving you."  # no comma: a pause there may be taken for the end
TALK: Script = (Words("We sell "), Words("brown boxes. "), Pause(0.5), Words("They are strong. "), Finish())
MANY = 600
ENDLESS: Script = (Words("We sell brown boxes. "), *(Words("word "), Pause(0.05)) * MANY)
SLOW_S = 12.0


@dataclass(frozen=True, slots=True)
class Modelled:
    """The stack, the endpoint that its planner asks, and who knows the callers."""

    running: Running
    endpoint: Scripted
    customers: Customers

    def say(self, talk: Script) -> None:
        """Let the model wish to track a parcel where something is late, to end a contract, and talk about all else."""

        def choose(text: str) -> Script:
            if "leav" in text or "expensive" in text:
                return (Call("end-contract", ("{}",)), Finish("tool_calls"))
            late = "order" in text or "late" in text
            return (Call("track-parcel", ("{}",)), Finish("tool_calls")) if late else talk

        self.endpoint.choose = choose


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def modelled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Modelled]:
    folder = tmp_path_factory.mktemp("modelled")
    async with scripted(TALK) as endpoint, customers() as system:
        model = f'{{model: {{endpoint: "{endpoint.url}", name: small, firstToken: 5s, timeout: 60s}}}}'
        text = AGENT.read_text().replace("{flow: {}}", model).replace("timeout: 2s", "timeout: 15s")
        text = system.protects(text.replace("  escalation:", IMPATIENT))
        async with running_agent(text, folder, rtp_ports="25500-25999", slow_s=SLOW_S) as running:
            yield Modelled(running, endpoint, system)


async def test_the_model_talks_and_its_wish_runs_the_tool(modelled: Modelled) -> None:
    modelled.say(TALK)
    outcome = await modelled.running.call(SELL, LATE, Line(keys="456721#"))
    assert outcome.hears("We sell brown boxes. They are strong.")
    assert "out for delivery" in outcome.said
    assert [(audit.tool, audit.outcome) for audit in outcome.audits] == [("parcel-status", "ok")]
    said = [message for request in modelled.endpoint.requests for message in request["messages"]]
    assert {"role": "assistant", "content": "We sell brown boxes. They are strong."} in said  # what was heard


async def test_the_caller_s_next_words_stop_a_reply_that_is_still_being_written(modelled: Modelled) -> None:
    modelled.say(ENDLESS)
    before: list[int] = []

    async def talk(caller: Caller) -> None:
        modelled.endpoint.gone.clear()
        before[:] = [modelled.endpoint.sent]
        await caller.follow()
        await caller.say(SELL)
        await until(lambda: modelled.endpoint.sent > before[0], 45, "for the model")
        await caller.call.wait_for_agent_silence(timeout_s=45)  # the model goes on writing
        await caller.ask("What are your opening hours?")

    led = await modelled.running.lead(talk)
    assert "eight in the morning" in led.said
    await asyncio.wait_for(modelled.endpoint.gone.wait(), 15)
    generated = modelled.endpoint.sent
    await asyncio.sleep(0.5)
    assert modelled.endpoint.sent == generated < before[0] + MANY


async def test_a_tool_that_the_model_wished_for_is_given_up_when_the_caller_says_so(modelled: Modelled) -> None:
    modelled.say(TALK)

    async def talk(caller: Caller) -> None:
        await caller.follow(LATE)
        await caller.press(f"{SLOW_PARCEL}#")
        await caller.call.wait_for_agent_silence(timeout_s=45)  # it says that it takes a moment
        for words in ("Never mind, forget it.", "What are your opening hours?", "Thank you."):
            await caller.ask(words)

    outcome = await modelled.running.lead(talk)
    assert [(audit.tool, audit.reason) for audit in outcome.audits] == [
        ("parcel-status", "nobody waits for it any more")
    ]
    assert "delivered" not in outcome.said


async def test_a_caller_is_led_to_the_proof_and_no_request_to_the_endpoint_ever_has_it(modelled: Modelled) -> None:
    modelled.say(TALK)

    async def talk(caller: Caller) -> None:
        del modelled.endpoint.requests[:]
        modelled.customers.ended = 0
        await caller.follow(LEAVE, "It is one two three four.", Line(keys=f"{PIN}#"), SELL, Line(keys="#"), SELL)

    outcome = await modelled.running.lead(talk)
    kept = " ".join([*(turn.text_pii for turn in outcome.record.turns), outcome.record.summary_pii])
    assert "I have to know who you are." in kept and "Your contract has ended." in kept
    audits = [(audit.tool, audit.outcome) for audit in outcome.audits]
    assert audits[0] == ("end-contract", "refused") and outcome.audits[0].reason == "authentication"
    assert audits[-2:] == [("check-pin", "ok"), ("end-contract", "ok")]
    assert [tool for tool, result in audits if result == "ok"] == ["check-pin", "end-contract"]
    assert modelled.customers.pins[-1] == PIN and modelled.customers.ended == 1
    asked = [request["messages"] for request in modelled.endpoint.requests]
    after = [each for each in asked if "proof of who calls" in json.dumps(each)]
    assert after, "the model was not asked after the proof"
    told = json.dumps(modelled.endpoint.requests).lower()
    for secret in (PIN, "4 7 1 9", "1234", "1 2 3 4", "one two three"):
        assert secret not in told and secret not in kept.lower()
