"""Tools whose success proves who calls: a PIN is not found by trying, whatever a request says."""

import asyncio
import dataclasses

import pytest
from tests.tools.desk import CALL, Desk, Ledger, invoking

from voiceplane.contract.dialogue import ToolOutcome, ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import load_bundle
from voiceplane.contract.tool import Tool
from voiceplane.rpc.convert import tool_request_from_wire, tool_request_to_wire
from voiceplane.tools.errors import AttemptFailedError
from voiceplane.tools.ports import Attempt

BUNDLE = load_bundle("""
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  intents:
    - name: prove
      examples: ["prove"]
      slots: [{name: pin, type: digits, length: 4, ask: "Your PIN?"}]
      tool: check-pin
      reply: "Yes."
    - {name: pay, examples: ["pay"], tool: pay-bill, reply: "Yes."}
  tools:
    - name: check-pin
      http: {method: POST, url: "http://a.svc/pin", body: {pin: "{pin}"}}
      grants: verified
      result: {type: object, required: [verified], properties: {verified: {const: true}}}
    - {name: pay-bill, http: {method: POST, url: "http://a.svc/pay"}, requires: verified}
""")
RIGHT, WRONG = '{"verified": true}', '{"verified": false}'


def proof(key: str, call: str = CALL) -> ToolRequest:
    return ToolRequest(CallId(call), "support/desk", BUNDLE.revision, 1, "prove", "check-pin", '{"pin": "1234"}', key)


async def test_a_result_that_is_no_proof_is_no_success(desk: Desk) -> None:
    invoker, backend, _ = desk
    backend.steps = [WRONG, RIGHT]
    assert (await invoker.invoke(proof("1"))).outcome is ToolOutcome.INVALID_RESULT
    assert (await invoker.invoke(proof("2"))).outcome is ToolOutcome.OK


@pytest.mark.parametrize("wrong", [WRONG, AttemptFailedError("HTTP status 403")])
async def test_after_three_failed_proofs_the_right_one_is_not_even_tried(
    desk: Desk, wrong: str | AttemptFailedError
) -> None:
    invoker, backend, ledger = desk
    backend.steps = [wrong, wrong, wrong, RIGHT]
    for number in range(3):
        assert (await invoker.invoke(proof(f"key-{number}"))).outcome is not ToolOutcome.OK

    reply = await invoker.invoke(proof("key-4"))

    assert (reply.outcome, reply.reason) == (ToolOutcome.REFUSED, "too-many-failed-proofs")
    assert len(backend.attempts) == 3 and ledger.told[-1] == ("refused", "refused", 0)
    other = await invoker.invoke(proof("key-5", "0" * 31 + "1"))
    assert other.outcome is ToolOutcome.OK


class Held:
    """A backend that answers when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.three, self.go = asyncio.Event(), asyncio.Event()

    async def run(self, tool: Tool, attempt: Attempt) -> str:
        self.begun += 1
        if self.begun == 3:
            self.three.set()
        await self.go.wait()
        return RIGHT


async def test_proofs_at_the_same_time_are_counted_before_their_outcome_is_known() -> None:
    backend = Held()
    async with invoking(BUNDLE, backend, Ledger()) as invoker:
        asking = [asyncio.create_task(invoker.invoke(proof(f"key-{number}"))) for number in range(3)]
        await backend.three.wait()
        assert (await invoker.invoke(proof("key-4"))).reason == "too-many-failed-proofs"
        backend.go.set()
        assert {(await each).outcome for each in asking} == {ToolOutcome.OK}
        assert (await invoker.invoke(proof("key-5"))).outcome is ToolOutcome.OK


async def test_what_needs_a_verified_caller_runs_for_no_other(desk: Desk) -> None:
    invoker, backend, _ = desk
    pay = ToolRequest(CALL, "support/desk", BUNDLE.revision, 2, "pay", "pay-bill", "{}", "key-p")
    assert (await invoker.invoke(pay)).reason == "authentication"
    assert not backend.attempts
    verified = dataclasses.replace(pay, idempotency_key="key-q", authentication="verified")
    backend.steps = ["{}"]
    assert (await invoker.invoke(verified)).outcome is ToolOutcome.OK


async def test_a_restarted_tool_gateway_does_not_forget_the_failed_proofs(desk: Desk) -> None:
    invoker, backend, _ = desk
    sent = tool_request_to_wire(dataclasses.replace(proof("key-1"), failed_proofs=3))
    assert (await invoker.invoke(tool_request_from_wire(sent))).reason == "too-many-failed-proofs"
    assert not backend.attempts
    backend.steps = [RIGHT]
    again = dataclasses.replace(proof("key-2"), failed_proofs=2)
    assert (await invoker.invoke(again)).outcome is ToolOutcome.OK
