"""A caller who lacks a proof is led to it; what was wanted goes on only after the right one."""

import dataclasses

import pytest
from tests.call.proving import AGENT

from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
    ToolOutcome,
    ToolResult,
)
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.rpc import convert

SPEC = load_bundle(AGENT).agent.spec
LACKING = ToolResult("cancel", ToolOutcome.REFUSED, "", "authentication")
NO_PROOF = ToolResult("check-pin", ToolOutcome.INVALID_RESULT)


@pytest.fixture(scope="module")
def flow() -> FlowPlanner:
    return FlowPlanner(SPEC, Understanding(SPEC, Embedder()))


def replied(flow: FlowPlanner, state: DialogueState, given: CallerSaid | ToolResult) -> tuple[str, list[ReplyEvent]]:
    """Return the words and the events, after a way over the wire."""
    request = ReplyRequest(CallId("0" * 32), "a/b", "r", 1, "q", state, given, "2026-11-23", ())
    events = list(flow.reply(convert.request_from_wire(convert.request_to_wire(request))))
    return " ".join(event.text for event in events if isinstance(event, Say)), events


def state_of(events: list[ReplyEvent]) -> DialogueState:
    (done,) = [event for event in events if isinstance(event, Done)]
    return done.state


def test_the_wanted_tool_runs_after_the_proof_and_not_before(flow: FlowPlanner) -> None:
    words, events = replied(flow, DialogueState(intent="cancel-contract"), LACKING)
    assert words == "For that I have to know who you are. What is your PIN?"
    assert not any(isinstance(event, ToolCall) for event in events)
    asked = state_of(events)
    assert (asked.intent, asked.asking, asked.wanted) == ("prove-who-you-are", "pin", "cancel-contract")

    _, events = replied(flow, asked, CallerSaid("one two three four"))
    assert ToolCall("check-pin", "prove-who-you-are", '{"pin": "1234"}') in events

    words, events = replied(flow, state_of(events), ToolResult("check-pin", ToolOutcome.OK, "{}"))
    assert words == "Thank you."
    assert ToolCall("cancel", "cancel-contract", "{}") in events
    assert state_of(events).wanted == ""


def test_a_wrong_proof_is_asked_for_again_and_forgotten(flow: FlowPlanner) -> None:
    state = DialogueState(intent="prove-who-you-are", slots=(("pin", "1234"),), wanted="cancel-contract")
    words, events = replied(flow, state, NO_PROOF)
    assert words == "That does not match what we have. What is your PIN?"
    following = state_of(events)
    assert (following.asking, following.wanted, following.slots) == ("pin", "cancel-contract", ())


@pytest.mark.parametrize("reason", ["policy", "too-many-attempts", "too-many-failed-proofs", ""])
def test_a_refusal_for_another_reason_asks_for_no_proof(flow: FlowPlanner, reason: str) -> None:
    refused = dataclasses.replace(LACKING, reason=reason)
    words, events = replied(flow, DialogueState(intent="cancel-contract", wanted="cancel-contract"), refused)
    assert words.startswith(SPEC.phrases.tool_refused)
    assert (state_of(events).asking, state_of(events).wanted) == ("", "")


def test_another_wish_or_a_no_leaves_what_was_wanted(flow: FlowPlanner) -> None:
    asked = DialogueState(intent="prove-who-you-are", asking="pin", wanted="cancel-contract")
    _, events = replied(flow, asked, CallerSaid("never mind"))
    assert state_of(events).wanted == ""


def test_a_state_that_wants_what_the_agent_does_not_know_is_made_sound(flow: FlowPlanner) -> None:
    state = DialogueState(intent="prove-who-you-are", slots=(("pin", "1234"),), wanted="nothing-known")
    words, events = replied(flow, state, ToolResult("check-pin", ToolOutcome.OK, "{}"))
    assert words == "Thank you. Is there anything else I can help with?" and state_of(events).wanted == ""
