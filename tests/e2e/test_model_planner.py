"""Calls to an agent whose planner is a language model: a scripted endpoint, and all else real up to the wire."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.e2e.conftest import AGENT, IMPATIENT, SLOW_PARCEL, Running, running_agent
from tests.planner.scripted import Call, Finish, Pause, Script, Scripted, Words, scripted

from voiceplane.cli.conversation import Line

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]
SELL = "Tell me about the things you sell."
LATE = "Something that I ordered is late."
TALK: Script = (Words("We sell "), Words("brown boxes. "), Pause(0.5), Words("They are strong. "), Finish())
MANY = 600
ENDLESS: Script = (Words("We sell brown boxes. "), *(Words("word "), Pause(0.05)) * MANY)
SLOW_S = 7.0


@dataclass(frozen=True, slots=True)
class Modelled:
    """The stack, and the endpoint that its planner asks."""

    running: Running
    endpoint: Scripted

    def say(self, talk: Script) -> None:
        """Let the model wish to track a parcel where something is late, and talk about all else."""
        wish: Script = (Call("track-parcel", ("{}",)), Finish("tool_calls"))
        self.endpoint.choose = lambda text: wish if "order" in text or "late" in text else talk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def modelled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Modelled]:
    folder = tmp_path_factory.mktemp("modelled")
    async with scripted(TALK) as endpoint:
        model = f'{{model: {{endpoint: "{endpoint.url}", name: small, firstToken: 5s, timeout: 60s}}}}'
        text = AGENT.read_text().replace("{flow: {}}", model).replace("timeout: 2s", "timeout: 15s")
        text = text.replace("  escalation:", IMPATIENT)
        async with running_agent(text, folder, rtp_ports="25500-25999", slow_s=SLOW_S) as running:
            yield Modelled(running, endpoint)


async def test_the_model_talks_and_its_wish_runs_the_tool(modelled: Modelled) -> None:
    modelled.say(TALK)
    outcome = await modelled.running.call(SELL, LATE, Line(keys="456721#"))
    assert "boxes" in outcome.words
    assert "strong" in outcome.words
    assert "out for delivery" in outcome.words
    assert [(audit.tool, audit.outcome) for audit in outcome.audits] == [("parcel-status", "ok")]
    said = [message for request in modelled.endpoint.requests for message in request["messages"]]
    assert {"role": "assistant", "content": "We sell brown boxes. They are strong."} in said  # what was heard


async def test_the_caller_s_next_words_stop_a_reply_that_is_still_being_written(modelled: Modelled) -> None:
    modelled.say(ENDLESS)
    modelled.endpoint.gone.clear()
    before = modelled.endpoint.sent
    outcome = await modelled.running.call(SELL, "What are your opening hours?")
    assert "eight" in outcome.words or "8" in outcome.words
    await asyncio.wait_for(modelled.endpoint.gone.wait(), 15)
    generated = modelled.endpoint.sent
    await asyncio.sleep(0.5)
    assert modelled.endpoint.sent == generated < before + MANY


async def test_a_tool_that_the_model_wished_for_is_given_up_when_the_caller_says_so(modelled: Modelled) -> None:
    modelled.say(TALK)
    outcome = await modelled.running.call(
        LATE, Line(keys=f"{SLOW_PARCEL}#"), "Never mind, forget it.", "What are your opening hours?", "Thank you."
    )
    assert "delivered" not in outcome.words
    assert [(audit.tool, audit.reason) for audit in outcome.audits] == [
        ("parcel-status", "nobody waits for it any more")
    ]
    assert "delivered" not in " ".join(turn.text_pii for turn in outcome.record.turns if turn.speaker == "agent")
