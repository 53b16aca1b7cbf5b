"""Reading VoiceAgent YAML: every mistake names its path and line, and nothing else ever comes out."""

import copy
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.contract.agent import placeholders
from voiceplane.contract.authentication import Authentication
from voiceplane.contract.base import format_duration, parse_duration
from voiceplane.contract.load import InvalidAgentError, load_bundle
from voiceplane.contract.policy import ToolRules, VoicePolicySpec, canonical_json, digest
from voiceplane.contract.tool import Tool

AGENT = """\
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: parcel-desk, namespace: support}
spec:
  opening: "Northwind parcels."
  intents:
    - name: track-parcel
      examples: ["where is my parcel"]
      slots:
        - name: parcel_number
          type: digits
          length: 6
          ask: "What is the number?"
      tool: parcel-status
      reply: "Parcel {parcel_number} is {status}."
  tools:
    - name: parcel-status
      http: {method: GET, url: "http://parcels/{parcel_number}"}
      timeout: 2s
  escalation: {target: "sip:queue@pbx.example"}
"""
POLICY = """\
---
apiVersion: voiceplane.dev/v1alpha1
kind: VoicePolicy
metadata: {name: retail}
spec: {tools: {deny: [wipe]}}
"""


def _mistakes(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(InvalidAgentError) as raised:
        load_bundle(text)
    return [(mistake.path, mistake.line, mistake.message) for mistake in raised.value.mistakes]


def test_a_good_agent_is_read_with_its_defaults() -> None:
    bundle = load_bundle(AGENT)
    assert bundle.agent.metadata.namespace == "support"
    assert bundle.agent.spec.tool("parcel-status").timeout == 2.0
    assert bundle.agent.spec.intent("track-parcel").slot("parcel_number").length == 6
    assert bundle.policy == VoicePolicySpec()


# What is replaced in the good agent, by what, and where the mistake must be found.
MISTAKES = [
    ("  opening:", "  openning:", "spec.opening", 4, "is missing"),
    ("  opening:", "  openning:", "spec.openning", 5, "unknown field"),
    ('"Northwind parcels."', '""', "spec.opening", 5, "at least 1 character"),
    ('"Northwind parcels."', "yes", "spec.opening", 5, "quotes"),
    ("length: 6", "length: 99", "spec.intents[0].slots[0].length", 12, "32"),
    ("type: digits", "type: name", "spec.intents[0].slots[0]", 10, "length goes with type digits"),
    ("type: digits", "type: number", "spec.intents[0].slots[0].type", 11, "digits"),
    ("tool: parcel-status", "tool: parcel", "spec.intents[0].tool", 14, "no tool is named 'parcel'"),
    ("timeout: 2s", "timeout: 2", "spec.tools[0].timeout", 19, "unit"),
    ("timeout: 2s", "timeout: 2.5", "spec.tools[0].timeout", 19, "unit"),
    ("timeout: 2s", "timeout: 0s", "spec.tools[0].timeout", 19, "at least 1ms"),
    ("timeout: 2s", "timeout: 99999h", "spec.tools[0].timeout", 19, "at most 24h"),
    ("timeout: 2s", "timeout: 2s\n      timeout: 3s", "spec.tools[0].timeout", 20, "written twice"),
    ("      http: {method", "      htp: {method", "spec.tools[0].htp", 18, "unknown field"),
    (
        '      http: {method: GET, url: "http://parcels/{parcel_number}"}\n',
        "",
        "spec.tools[0]",
        17,
        "exactly one backend",
    ),
    ("parcels/{parcel_number}", "parcels/{number}", "spec.tools[0].http.url", 18, "{number} is filled by nothing"),
    ("is {status}.", "is {status.", "spec.intents[0].reply", 15, "brace"),
    ("is {status}.", "is {status:>99999999}.", "spec.intents[0].reply", 15, "brace"),
    ("is {status}.", "is {0}.", "spec.intents[0].reply", 15, "not a plain name"),
    ("sip:queue@pbx.example", "queue", "spec.escalation.target", 20, "such as sip:queue@pbx.example or tel:"),
    ("  escalation:", "  policyRef: {name: x}\n  escalation:", "spec.policyRef.name", 20, "no VoicePolicy 'x'"),
    ("name: parcel-desk", "name: Parcel Desk", "metadata.name", 3, "expected a name"),
    ("voiceplane.dev/v1alpha1", "voiceplane.dev/v1", "apiVersion", 1, "v1alpha1"),
    ("kind: VoiceAgent", "kind: Agent", "kind", 2, "not 'Agent'"),
    ("tool: parcel-status", "tool: [", "(yaml)", 16, "expected"),
    ("length: 6", "length: !!int ''", "(yaml)", 12, "not a legal int"),
    ("length: 6", "length: !!binary aGk=", "spec.intents[0].slots[0].length", 12, "tag binary"),
    ("length: 6", "length: !!python/name:os.system ''", "spec.intents[0].slots[0].length", 12, "has no place here"),
]


@pytest.mark.parametrize(("old", "new", "path", "line", "words"), MISTAKES)
def test_a_mistake_names_its_path_and_line_and_what_to_do(old: str, new: str, path: str, line: int, words: str) -> None:
    assert old in AGENT
    found = _mistakes(AGENT.replace(old, new, 1))
    assert any((at, where) == (path, line) and words in what for at, where, what in found), found


def test_all_mistakes_are_named_at_once() -> None:
    text = AGENT.replace("length: 6", "length: 0").replace("timeout: 2s", "timeout: soon")
    assert [path for path, _, _ in _mistakes(text)] == ["spec.intents[0].slots[0].length", "spec.tools[0].timeout"]


def test_lines_are_right_after_empty_documents() -> None:
    text = "---\n# nothing here\n---\n" + AGENT.replace("length: 6", "length: 0")
    assert _mistakes(text)[0][:2] == ("spec.intents[0].slots[0].length", 15)


def test_a_policy_beside_the_agent_holds_for_it() -> None:
    bundle = load_bundle(AGENT + "  policyRef: {name: retail}\n" + POLICY)
    assert not bundle.policy.tools.permits("wipe") and bundle.policy.tools.permits("parcel-status")
    assert bundle.policy_digest != load_bundle(AGENT).policy_digest


def test_two_agents_two_policies_of_a_name_and_none_are_mistakes() -> None:
    assert "more than one" in _mistakes(AGENT + "---\n" + AGENT)[0][2]
    assert "two policies" in _mistakes(AGENT + POLICY + POLICY)[0][2]
    assert "no VoiceAgent" in _mistakes("")[0][2]
    assert "no VoiceAgent" in _mistakes(POLICY)[0][2]


def test_a_tool_that_no_intent_uses_is_a_mistake() -> None:
    text = AGENT.replace("  escalation:", '    - {name: idle, http: {url: "http://x"}}\n  escalation:')
    assert _mistakes(text) == [("spec.tools[1].name", 20, "no intent uses the tool 'idle': no call could run it")]


@pytest.mark.parametrize(
    ("backend", "reads"),
    [
        ('http: {method: GET, url: "http://parcels/{parcel_number}"}', True),
        ('http: {method: POST, url: "http://parcels/{parcel_number}"}', False),
        ('mcp: {url: "http://parcels/mcp", tool: status, readOnly: true}', True),
        ('mcp: {url: "http://parcels/mcp", tool: status}', False),
    ],
)
def test_only_a_tool_that_reads_may_be_speculative(backend: str, reads: bool) -> None:
    old = 'http: {method: GET, url: "http://parcels/{parcel_number}"}'
    text = AGENT.replace(old, f"{backend}\n      idempotent: true\n      speculative: true")
    if reads:
        assert load_bundle(text).agent.spec.tool("parcel-status").reads_only
    else:
        message = "a speculative tool may only read: http with method GET, or mcp with readOnly: true"
        assert [words for _, _, words in _mistakes(text)] == [message]


def test_names_used_twice_are_a_mistake_at_the_last_one() -> None:
    slot = '        - {name: parcel_number, type: digits, ask: "Again?"}\n'
    found = _mistakes(AGENT.replace("      tool:", slot + "      tool:", 1))
    assert found[0][:2] == ("spec.intents[0].slots[1].name", 14)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [*x]",
        "\n".join(["a: &a0 [x, x]", *(f"b{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]),
        "[" * 20_000,
        "{a: " * 3000,
        "- " * 5000,
        "\ud800",
        "a: \x00",
        "x" * 1_000_001,
        "? [1]\n: 2",
        "<<: 3",
        "!!bool maybe",
        "!!float ''",
        "!!timestamp x",
        "9" * 5000,
    ],
)
def test_hostile_yaml_is_a_clean_mistake(text: str) -> None:
    assert all(line >= 1 and path and message for path, line, message in _mistakes(text))


def test_a_revision_follows_the_content_and_not_the_writing() -> None:
    tree = yaml.safe_load(AGENT)
    assert load_bundle(yaml.safe_dump(tree)).revision == load_bundle(AGENT).revision
    changed = copy.deepcopy(tree)
    changed["spec"]["opening"] = "Hello."
    assert load_bundle(yaml.safe_dump(changed)).revision != load_bundle(AGENT).revision


def test_a_date_without_quotes_stays_text_as_in_a_cluster() -> None:
    assert load_bundle(AGENT.replace('"Northwind parcels."', "2026-11-22")).agent.spec.opening == "2026-11-22"


def test_canonical_json_gives_equal_bytes_for_equal_content() -> None:
    assert canonical_json(ToolRules()) == b'{"allow":null,"deny":[],"maxAttemptsPerCall":50,"maxFailedProofsPerCall":3}'
    assert digest(ToolRules()) == digest(ToolRules(deny=())) != digest(ToolRules(allow=()))


@pytest.mark.parametrize(
    ("level", "needed", "covers"),
    [("none", "none", True), ("identified", "none", True)]
    + [("identified", "verified", False), ("verified", "identified", True), ("none", "identified", False)],
)
def test_a_level_covers_those_below_it(level: str, needed: str, covers: bool) -> None:
    assert Authentication(level).covers(Authentication(needed)) is covers


@pytest.mark.parametrize(
    ("levels", "valid"),
    [
        ({"grants": "identified"}, True),
        ({"requires": "identified", "grants": "verified"}, True),
        ({"requires": "identified", "grants": "identified"}, False),
        ({"requires": "verified", "grants": "identified"}, False),
        ({"grants": "verified", "speculative": True, "idempotent": True}, False),
    ],
)
def test_a_tool_grants_more_than_it_requires_and_not_in_doubt(levels: dict[str, object], valid: bool) -> None:
    written = {"name": "t", "http": {"url": "http://x"}, **levels}
    if valid:
        assert Tool.model_validate(written).grants is Authentication(str(levels["grants"]))
    else:
        with pytest.raises(ValueError, match="grants a level"):
            Tool.model_validate(written)


def test_python_code_gives_durations_in_seconds_and_yaml_reads_them_back() -> None:
    tool = Tool.model_validate({"name": "t", "http": {"url": "http://x"}, "timeout": 1.5})
    assert tool.timeout == 1.5 and tool.model_dump()["timeout"] == "1500ms"


@given(st.integers(1, 86_400_000))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@given(st.text(max_size=40))
def test_placeholders_of_any_text_are_names_or_a_value_error(text: str) -> None:
    try:
        names = placeholders(text)
    except ValueError:
        return
    assert all(name in text for name in names)


def _only_clean(text: str) -> None:
    """Read; anything but a bundle that can be named or clean mistakes fails the test by its exception."""
    try:
        assert re.fullmatch("[0-9a-f]{12}", load_bundle(text).revision)
    except InvalidAgentError as error:
        assert error.mistakes
        for mistake in error.mistakes:
            assert mistake.path and mistake.message and 1 <= mistake.line <= text.count("\n") + 2, mistake


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["VoiceAgent", "VoicePolicy", "voiceplane.dev/v1alpha1", "digits", "{parcel_number}", "2s", "sip:a@b"]
    )
)
_keys = st.sampled_from(
    "apiVersion kind metadata spec name intents tools slots examples reply http url escalation tools arguments".split()
)
_trees = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4), max_leaves=20
)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-?&*!|>'\"{}[]#%@`,\n \t01~<=."), max_size=80))
def test_random_yaml_gives_only_clean_mistakes(text: str) -> None:
    _only_clean(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_random_text_gives_only_clean_mistakes(text: str) -> None:
    _only_clean(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_good_agent_with_any_value_anywhere_gives_only_clean_mistakes(data: st.DataObject) -> None:
    tree: Any = yaml.safe_load(AGENT)
    node = tree
    while True:
        steps = list(node) if isinstance(node, dict) else list(range(len(node)))
        step = data.draw(st.sampled_from(steps))
        if not isinstance(node[step], dict | list) or not node[step] or data.draw(st.booleans()):
            node[step] = data.draw(_trees)
            break
        node = node[step]
    _only_clean(yaml.safe_dump(tree, allow_unicode=True))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(AGENT) - 1), st.integers(0, 12), st.text(max_size=6))
def test_a_good_agent_with_a_slip_of_the_hand_gives_only_clean_mistakes(at: int, gone: int, typed: str) -> None:
    _only_clean(AGENT[:at] + typed + AGENT[at + gone :])
