"""A tool that asks for the caller's number is given the one that a trunk vouches for, and no other."""

import dataclasses
import json
from collections.abc import AsyncIterator

import pytest
from tests.tools.desk import CALL, Desk, opened

from voiceplane.contract.dialogue import ToolOutcome, ToolRequest
from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.rpc.convert import tool_request_from_wire, tool_request_to_wire
from voiceplane.tools.http_backend import fill_url

AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  intents: [{name: orders, examples: ["orders"], tool: orders, reply: "Yes."}]
  tools:
    - name: orders
      http: {url: "http://a.svc/orders/{caller_number}"}
      callerNumber: true
      arguments: {type: object, properties: {caller_number: {type: string}}}
"""
BUNDLE = load_bundle(AGENT)
NUMBER = "+15550111"
ASKED = ToolRequest(
    CALL, "support/desk", BUNDLE.revision, 1, "orders", "orders", "{}", "key", "identified", caller_number=NUMBER
)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(BUNDLE) as running:
        yield running


@pytest.mark.parametrize("written", [{}, {"caller_number": "+19990000"}])
async def test_the_number_is_the_trunks_whatever_the_planner_wrote(desk: Desk, written: dict[str, str]) -> None:
    invoker, backend, ledger = desk
    backend.steps = ["{}"]
    sent = tool_request_to_wire(dataclasses.replace(ASKED, arguments_json=json.dumps(written)))
    assert (await invoker.invoke(tool_request_from_wire(sent))).outcome is ToolOutcome.OK
    assert backend.attempts[0].arguments == {"caller_number": NUMBER}
    assert fill_url("http://a.svc/orders/{caller_number}", backend.attempts[0].arguments).endswith("/%2B15550111")
    assert ledger.begun[0].arguments == {"caller_number": "[9 characters]"}


async def test_without_a_number_it_does_not_run_however_well_the_caller_is_known(desk: Desk) -> None:
    invoker, backend, _ = desk
    reply = await invoker.invoke(dataclasses.replace(ASKED, authentication="verified", caller_number=""))
    assert (reply.outcome, reply.reason) == (ToolOutcome.REFUSED, "no-caller-number")
    assert not backend.attempts


@pytest.mark.parametrize("number", ["Ann", "+1555/../x", "1" * 21, "\u0661\u0662\u0663", "+"])
async def test_what_is_no_number_reaches_neither_tool_nor_record(desk: Desk, number: str) -> None:
    invoker, backend, ledger = desk
    reply = await invoker.invoke(dataclasses.replace(ASKED, caller_number=number))
    assert reply.outcome is ToolOutcome.INVALID_ARGUMENTS
    assert not backend.attempts and number not in repr(ledger.ended)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("      callerNumber: true\n", "", "{caller_number} is filled by nothing"),
        (
            'examples: ["orders"]',
            'examples: ["orders"], slots: [{name: caller_number, type: digits, ask: "Which number?"}]',
            "no answer of a caller",
        ),
    ],
)
def test_no_answer_of_a_caller_can_stand_for_the_number(old: str, new: str, said: str) -> None:
    assert old in AGENT
    with pytest.raises(InvalidAgentError, match=said):
        load_bundle(AGENT.replace(old, new))
