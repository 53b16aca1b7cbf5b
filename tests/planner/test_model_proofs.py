"""Who calls is proved outside of the model: it asks for no proof, reads none and is told none."""

import json
from collections.abc import Sequence

import pytest
from tests.call.proving import AGENT
from tests.planner.scripted import Call, Finish, Script, Words
from tests.planner.talking import TALK, TODAY, Harness, talking, texts

from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HeardTurn,
    ReplyEvent,
    ReplyRequest,
    RunningTool,
    ToolCall,
    ToolOutcome,
    ToolResult,
)
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding

LEAVE: Script = (Call("cancel-contract", ("{}",)), Finish("tool_calls"))
WISH = "I have had enough of you and will go elsewhere"
PROVING = DialogueState(intent="prove-who-you-are", asking="pin", wanted="cancel-contract")
REFUSED = ToolResult("cancel", ToolOutcome.REFUSED, "", "authentication")
GIVEN = ("1 2 3 4", "1234", "one two three four", "one, two, three, four.", "twelve thirty four", "one two for three")


@pytest.fixture(scope="module")
def gated() -> Bundle:
    return load_bundle(AGENT)


@pytest.fixture(scope="module")
def guided(gated: Bundle) -> FlowPlanner:
    return FlowPlanner(gated.agent.spec, Understanding(gated.agent.spec, Embedder()))


def state_of(events: Sequence[ReplyEvent]) -> DialogueState:
    (done,) = [event for event in events if isinstance(event, Done)]
    return done.state


def tools_of(events: Sequence[ReplyEvent]) -> list[str]:
    return [event.tool for event in events if isinstance(event, ToolCall)]


async def brought(harness: Harness, state: DialogueState, result: ToolResult) -> list[ReplyEvent]:
    return await harness.reply(ReplyRequest(CallId("0" * 32), "a/b", "r", 1, "q", state, result, TODAY))


async def test_a_wish_of_the_model_leads_to_the_proof_and_goes_on_after_the_right_one(
    gated: Bundle, guided: FlowPlanner
) -> None:
    async with talking(gated, guided, LEAVE) as harness:
        events = await harness.say(WISH)
        assert tools_of(events) == ["cancel"]
        events = await brought(harness, state_of(events), REFUSED)
        assert texts(events) == ["For that I have to know who you are.", "What is your PIN?"]
        events = await harness.say("nine nine nine nine", state_of(events))
        assert tools_of(events) == ["check-pin"]
        events = await brought(harness, state_of(events), ToolResult("check-pin", ToolOutcome.INVALID_RESULT))
        assert texts(events) == ["That does not match what we have.", "What is your PIN?"]
        events = await harness.say("one two three four", state_of(events))
        assert tools_of(events) == ["check-pin"]
        events = await brought(harness, state_of(events), ToolResult("check-pin", ToolOutcome.OK, "{}"))
        assert texts(events) == ["Thank you."] and tools_of(events) == ["cancel"]
        events = await brought(harness, state_of(events), ToolResult("cancel", ToolOutcome.OK, "{}"))
        assert texts(events)[0] == "It is cancelled."
        assert len(harness.endpoint.requests) == 1


@pytest.mark.parametrize(
    "words",
    ["1 2 3 4 5 6", "I think it is one two, no wait", "why would you need a thing like that", "swordfish", "one two"],
)
async def test_no_word_said_while_a_proof_is_asked_for_is_for_the_model(
    gated: Bundle, guided: FlowPlanner, words: str
) -> None:
    async with talking(gated, guided, TALK) as harness:
        events = await harness.say(words, PROVING)
        assert harness.endpoint.requests == []
    assert "What" in texts(events)[-1]  # it is asked for again


@pytest.mark.parametrize("given", GIVEN)
async def test_no_request_to_the_endpoint_has_the_pin_however_it_came_into_the_call(
    gated: Bundle, guided: FlowPlanner, given: str
) -> None:
    """In the words of this turn, of turns before, in the agent's own, in the state; also when it is asked again."""
    heard = (HeardTurn("caller", f"my PIN is {given}"), HeardTurn("agent", f"I have {given}. Is that right?"))
    state = DialogueState(slots=(("pin", "1234"), ("pin.partial", "12")), last_reply=given)
    async with talking(gated, guided, (Call("delete", ("{}",)), Finish()), TALK) as harness:
        await harness.say(f"{WISH}, it is {given} by the way", state, *heard)
        await harness.say(f"tell me something nice about {given}", None, *heard)
        requests = json.dumps(harness.endpoint.requests, ensure_ascii=False).lower()
    assert len(harness.endpoint.requests) == 3
    assert "[digits]" in requests
    assert not any(pin in requests for pin in ("1234", "1 2 3 4", "two three", "two, three", "thirty four", "two for"))
    assert "pin.partial" not in requests


async def test_the_model_is_not_told_the_arguments_of_a_proof_that_runs(gated: Bundle, guided: FlowPlanner) -> None:
    running = (RunningTool("check-pin", "prove-who-you-are", (("pin", "1234"),)),)
    async with talking(gated, guided, TALK) as harness:
        await harness.say("tell me something nice about the weather", DialogueState(running=running))
        (request,) = harness.endpoint.requests
    assert "prove-who-you-are {}" in request["messages"][0]["content"]
    assert "1234" not in json.dumps(request)


async def test_the_model_has_no_place_for_a_proof(gated: Bundle, guided: FlowPlanner) -> None:
    async with talking(gated, guided, TALK) as harness:
        await harness.say(WISH)
        functions = {each["function"]["name"]: each["function"] for each in harness.endpoint.requests[0]["tools"]}
    assert functions["prove-who-you-are"]["parameters"]["properties"] == {}


async def test_a_pin_that_comes_with_the_wish_to_prove_is_read_here(gated: Bundle, guided: FlowPlanner) -> None:
    script: Script = (Call("prove-who-you-are", ("{}",)), Finish("tool_calls"))
    async with talking(gated, guided, script) as harness:
        events = await harness.say("so that you know that it is me calling today I say 1 2 3 4 to you")
        assert "1 2 3 4" not in json.dumps(harness.endpoint.requests)
    assert ToolCall("check-pin", "prove-who-you-are", '{"pin": "1234"}') in events


async def test_a_proof_is_forgotten_when_it_was_judged_and_kept_while_it_is_at_hand(guided: FlowPlanner) -> None:
    def known(state: DialogueState) -> dict[str, str]:
        asked = ReplyRequest(CallId("0" * 32), "a/b", "r", 1, "q", state, CallerSaid("hello"), TODAY)
        return dict(guided.turn(asked).state.slots)

    given = (("pin", "1234"),)
    assert known(DialogueState(intent="prove-who-you-are", slots=given)) == {"pin": "1234"}
    assert known(DialogueState(slots=given, done_intents=("prove-who-you-are",))) == {}
    assert known(DialogueState(intent="cancel-contract", slots=given)) == {}


async def test_an_agent_without_proofs_lets_the_model_see_numbers(bundle: Bundle, planner: FlowPlanner) -> None:
    async with talking(bundle, planner, (Words("I see. "), Finish())) as harness:
        await harness.say("my slip has 456721 on it, whatever that may be")
        assert "456721" in json.dumps(harness.endpoint.requests)
