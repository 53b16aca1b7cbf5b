"""One run of validate tells all: names are checked on every part that is right, and broken YAML is told in words."""

import pytest
from tests.contract.test_load import AGENT, POLICY

from voiceplane.contract.crosschecks import cross_checks
from voiceplane.contract.load import InvalidAgentError, load_bundle


def mistakes(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(InvalidAgentError) as raised:
        load_bundle(text)
    return [(mistake.path, mistake.line, mistake.message) for mistake in raised.value.mistakes]


def changed(*changes: tuple[str, str]) -> str:
    text = AGENT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def test_names_that_point_nowhere_are_told_beside_values_of_the_wrong_shape() -> None:
    found = mistakes(
        changed(
            ("length: 6", "length: 0"),
            ("tool: parcel-status", "tool: parcel-state\n      then: transfer"),
            ("{parcel_number} is {status}", "{parcel_number} is {status"),
            ("timeout: 2s", "timeout: soon\n    - {name: idle}"),
            (
                '  escalation: {target: "sip:queue@pbx.example"}\n',
                "  policyRef: {name: retail}\n  bargeIn: {never: [Hm.]}",
            ),
        )
    )
    assert [(path, words.split(":")[0]) for path, _, words in found] == [
        ("spec.intents[0].slots[0].length", "expected greater than or equal to 1"),
        ("spec.intents[0].tool", "no tool is named 'parcel-state'; tools are idle, parcel-status"),
        ("spec.intents[0].then", "a transfer needs spec.escalation with a target"),
        ("spec.intents[0].reply", "a brace is open or closed alone"),
        ("spec.tools[0].name", "no intent uses the tool 'parcel-status'"),
        ("spec.tools[0].timeout", 'write a duration with its unit, such as "300ms" or "2s", not \'soon\''),
        ("spec.tools[1]", "a tool has exactly one backend"),
        ("spec.tools[1].name", "no intent uses the tool 'idle'"),
        ("spec.policyRef.name", "no VoicePolicy 'retail' here; there is none"),
        ("spec.bargeIn.never[0]", "the agent never says 'Hm.'"),
    ]
    assert [line for _, line, _ in found] == sorted(line for _, line, _ in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    - name: parcel-status", "    - nme: parcel-status"),  # perhaps the tool that is meant
        ("        - name: parcel_number", "        - nme: parcel_number"),  # perhaps the slot in the braces
        ("  escalation: {target", "  escalation: {traget"),
        ("      tool: parcel-status", "      tool: [parcel-status]"),
    ],
)
def test_what_may_follow_from_a_mistake_is_not_told_as_another(old: str, new: str) -> None:
    text = changed((old, new)).replace('reply: "', 'then: transfer\n      reply: "')
    told = " ".join(words for _, _, words in mistakes(text))
    assert "is named" not in told and "filled by nothing" not in told
    assert "no intent" not in told and "a transfer needs" not in told


def test_a_reference_to_a_policy_that_is_itself_wrong_is_no_mistake_of_the_agent() -> None:
    text = AGENT + "  policyRef: {name: retail}\n" + POLICY.replace("deny", "denied")
    assert [path for path, _, _ in mistakes(text)] == ["spec.tools.denied"]


def test_a_key_written_twice_does_not_hide_the_rest() -> None:
    found = mistakes(changed(("length: 6", "length: 0"), ("timeout: 2s", "timeout: 2s\n      timeout: 3s")))
    assert [path for path, _, _ in found] == ["spec.intents[0].slots[0].length", "spec.tools[0].timeout"]


def test_a_field_is_written_as_in_a_cluster_only() -> None:
    found = mistakes(AGENT + "  barge_in: {mode: never}\n")
    assert found == [("spec.barge_in", 21, "unknown field: remove it or correct its spelling")]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  opening:", "\topening:", 5, "a tab stands where only spaces may"),
        ("  opening:", "  opening: Hello: it is me\n  x:", 5, "put text with a colon in quotes"),
        ("tool: parcel-status", 'tool: "parcel-status', 15, "put all of it in one pair"),
        ("tool: parcel-status", "tool: *parcel", 14, "text that begins with * must be in quotes"),
        ("tool: parcel-status", "tool: @parcel", 14, "text that begins with @ must be in quotes"),
        ("tool: parcel-status", 'tool: "\\d"', 14, "in double quotes write"),
        ("      tool:", "        tool:", 14, "indentation"),
        ("{name: parcel-desk,", "{name: parcel-desk", 3, "a comma is missing"),
        ('"sip:queue@pbx.example"}', '"sip:queue@pbx.example}', 20, "a quote is opened here and never closed"),
    ],
)
def test_yaml_that_cannot_be_read_is_told_in_words(old: str, new: str, line: int, words: str) -> None:
    ((path, where, what),) = mistakes(changed((old, new)))
    assert (path, where) == ("(yaml)", line) and words in what, (where, what)


@pytest.mark.parametrize(
    ("text", "path", "line", "words"),
    [
        ("hello\n", "(document)", 1, "expected fields"),
        (AGENT.replace("kind: VoiceAgent\n", ""), "kind", 1, "is missing: write kind: VoiceAgent"),
        (AGENT.partition("  opening")[0], "spec", 4, "expected fields of its own below it"),
        (AGENT.replace('["where is my parcel"]', "where"), "spec.intents[0].examples", 8, "expected a list"),
        (AGENT.replace('["where is my parcel"]', str(["x"] * 201)), "spec.intents[0].examples", 8, "at most 200 items"),
        (AGENT.replace('["where is my parcel"]', "[]"), "spec.intents[0].examples", 8, "at least 1 items, not 0"),
    ],
)
def test_a_wrong_shape_is_told_in_the_words_of_yaml(text: str, path: str, line: int, words: str) -> None:
    assert any((at, where) == (path, line) and words in what for at, where, what in mistakes(text)), mistakes(text)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("spec.opening", "Northwind parcels", "Hello {name}, Northwind parcels"),
        ("spec.intents[0].slots[0].ask", "What is the", "For {day}, what is the"),
        ("spec.escalation.say", 'target: "sip', 'say: "To {queue}.", target: "sip'),
        ("spec.phrases.goodbye", "  escalation:", '  phrases: {goodbye: "Bye, {name}."}\n  escalation:'),
        ("spec.silence.ask", "  escalation:", '  silence: {ask: "{name}?"}\n  escalation:'),
    ],
)
def test_braces_in_a_sentence_that_nothing_fills_are_told(path: str, old: str, new: str) -> None:
    ((at, _, words),) = mistakes(changed((old, new)))
    assert at == path and "would be said as it stands: only an intent's reply and confirm are filled" in words


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("length: 6", "length: six", "expected a whole number, such as 6"),
        ("length: 6", "length: 6.5", "expected a whole number, such as 6"),
        ("timeout: 2s", "timeout: 2s\n      idempotent: maybe", "expected true or false"),
        ('"What is the number?"', '""', "expected text: at least 1 character"),
        ('"What is the number?"', f'"{"a" * 2001}"', "expected at most 2000 characters"),
        (
            "sip:queue@pbx.example",
            "tel:operator",
            "expected a sip:, sips: or tel: address, such as sip:queue@pbx.example or tel:+15550100",
        ),
        (
            "  escalation:",
            "  objectives: {turnP50: 900ms}\n  escalation:",
            "turnP50 (900ms) is above turnP95 (800ms): half of the turns cannot be slower than 95 % are",
        ),
    ],
)
def test_a_wrong_value_is_told_in_words_for_people(old: str, new: str, told: str) -> None:
    ((_, _, words),) = mistakes(changed((old, new)))
    assert words == told


def _intent(name: str, *examples: str) -> dict[str, object]:
    return {"name": name, "examples": list(examples), "reply": "Yes."}


def test_an_example_of_two_intents_is_told_with_both() -> None:
    spec = {
        "intents": [
            _intent("track", "Where is my parcel?", "track it"),
            _intent("find", "find it", "where is  my PARCEL"),
        ]
    }
    ((path, told),) = cross_checks(spec, ())
    assert path == ("spec", "intents", 1, "examples", 1)
    assert told == "'where is  my PARCEL' is an example of intent 'track' too: keep it in 'track' or 'find', not both"


def test_an_example_written_twice_in_one_intent_harms_nobody() -> None:
    spec = {"intents": [_intent("track", "track it", "Track it!"), _intent("find", "find it", "...")]}
    assert list(cross_checks(spec, ())) == []
