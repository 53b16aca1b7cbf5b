"""The gate: a tool runs only when every rule holds."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.ids import CallId
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.policy.gate import decide

CALL = CallId("4f1c7b2e9a3d4f60b1e2c3d4a5f60718")
LEVELS = ("none", "identified", "verified")
AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {{name: desk, namespace: support}}
spec:
  opening: "Hello."
  intents:
    - {{name: look, examples: ["look"], tool: look-up, reply: "Yes."}}
    - {{name: pay, examples: ["pay"], tool: pay-bill, reply: "Yes."}}
    - {{name: hours, examples: ["hours"], reply: "Nine to five."}}
  tools:
    - {{name: look-up, http: {{url: "http://a.svc/look"}}, requires: {look}}}
    - {{name: pay-bill, http: {{url: "http://a.svc/pay"}}, requires: {pay}}}
  policyRef: {{name: rules}}
---
apiVersion: voiceplane.dev/v1alpha1
kind: VoicePolicy
metadata: {{name: rules, namespace: support}}
spec:
  tools: {{{rules}}}
"""


def bundle(*, look: str = "none", pay: str = "verified", rules: str = "maxAttemptsPerCall: 3") -> Bundle:
    return load_bundle(AGENT.format(look=look, pay=pay, rules=rules))


def request(intent: str = "look", tool: str = "look-up", authentication: str = "none") -> ToolRequest:
    return ToolRequest(CALL, "support/desk", "r", 1, intent, tool, "{}", "key", authentication)


@pytest.mark.parametrize(
    ("asked", "known", "attempts", "reason"),
    [
        (request(), bundle(), 0, "allowed"),
        (request(), bundle(), 2, "allowed"),
        (request(), None, 0, "unknown-revision"),
        (request(tool="drop-tables"), bundle(), 0, "unknown-tool"),
        (request(tool=""), bundle(), 0, "unknown-tool"),
        (request(intent="hours"), bundle(), 0, "not-for-this-intent"),
        (request(intent="look", tool="pay-bill"), bundle(), 0, "not-for-this-intent"),
        (request(intent="nothing"), bundle(), 0, "not-for-this-intent"),
        (request(), bundle(rules="deny: [look-up]"), 0, "policy"),
        (request(), bundle(rules="allow: [pay-bill]"), 0, "policy"),
        (request(), bundle(rules="allow: []"), 0, "policy"),
        (request(), bundle(rules="allow: [look-up], deny: [look-up]"), 0, "policy"),
        (request("pay", "pay-bill", "none"), bundle(), 0, "authentication"),
        (request("pay", "pay-bill", "identified"), bundle(), 0, "authentication"),
        (request("pay", "pay-bill", "VERIFIED"), bundle(), 0, "authentication"),
        (request("pay", "pay-bill", ""), bundle(pay="none"), 0, "authentication"),
        (request("pay", "pay-bill", "verified"), bundle(), 0, "allowed"),
        (request(), bundle(), 3, "too-many-attempts"),
    ],
)
def test_the_first_rule_that_does_not_hold_names_the_refusal(
    asked: ToolRequest, known: Bundle | None, attempts: int, reason: str
) -> None:
    decision = decide(asked, known, attempts_in_call=attempts)

    assert decision.reason == reason
    assert decision.allowed == (reason == "allowed")
    assert decision.tool is None or decision.tool.name == asked.tool


@given(
    intent=st.sampled_from(["look", "pay", "hours", "other", ""]),
    tool=st.sampled_from(["look-up", "pay-bill", "other", ""]),
    authentication=st.sampled_from([*LEVELS, "", "admin", "Verified"]),
    needed=st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS)),
    allow=st.none() | st.sets(st.sampled_from(["look-up", "pay-bill"])),
    deny=st.sets(st.sampled_from(["look-up", "pay-bill"])),
    limit=st.integers(1, 5),
    attempts=st.integers(0, 7),
    known=st.booleans(),
)
def test_a_tool_is_allowed_exactly_when_every_rule_holds(
    intent: str,
    tool: str,
    authentication: str,
    needed: tuple[str, str],
    allow: set[str] | None,
    deny: set[str],
    limit: int,
    attempts: int,
    known: bool,
) -> None:
    rules = [f"maxAttemptsPerCall: {limit}", f"deny: [{', '.join(deny)}]"]
    rules += [f"allow: [{', '.join(allow)}]"] if allow is not None else []
    loaded = bundle(look=needed[0], pay=needed[1], rules=", ".join(rules)) if known else None

    decision = decide(request(intent, tool, authentication), loaded, attempts_in_call=attempts)

    level = dict(zip(("look-up", "pay-bill"), needed, strict=True))
    expected = (
        known
        and (intent, tool) in {("look", "look-up"), ("pay", "pay-bill")}
        and (allow is None or tool in allow)
        and tool not in deny
        and authentication in LEVELS
        and LEVELS.index(authentication) >= LEVELS.index(level[tool])
        and attempts < limit
    )
    assert decision.allowed == expected


@given(st.text(), st.text(), st.text(), st.text())
def test_words_of_a_caller_never_open_the_gate(intent: str, tool: str, authentication: str, arguments: str) -> None:
    asked = dataclasses.replace(request(intent, tool, authentication), arguments_json=arguments)

    decision = decide(asked, bundle(), attempts_in_call=0)

    assert not decision.allowed or (intent, tool) in {("look", "look-up"), ("pay", "pay-bill")}


@pytest.mark.parametrize("have", list(Authentication))
@pytest.mark.parametrize("need", list(Authentication))
def test_a_higher_level_covers_a_lower_one_and_never_the_other_way(have: Authentication, need: Authentication) -> None:
    decision = decide(request("look", "look-up", have.value), bundle(look=need.value), attempts_in_call=0)

    assert decision.allowed == (LEVELS.index(have) >= LEVELS.index(need))
