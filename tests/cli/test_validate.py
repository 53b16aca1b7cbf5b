"""`voiceplane validate` as a user runs it."""

import argparse
import textwrap
from pathlib import Path

import pytest

from voiceplane.cli import validate
from voiceplane.cli.parts import uses_parcels
from voiceplane.contract.agent import VoiceAgent
from voiceplane.contract.base import DURATION_SCHEMA, EXPECTED
from voiceplane.contract.policy import VoicePolicy

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/parcel-desk.yaml"


def run(path: Path) -> int:
    return validate.run(argparse.Namespace(agent=str(path)))


def test_a_valid_agent_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(EXAMPLE) == 0
    out = capsys.readouterr().out
    assert "VoiceAgent support/parcel-desk is valid" in out
    assert "intent     track-parcel (6 examples; parcel_number: digits) -> parcel-status" in out
    assert "policy     retail sha256:" in out


def test_the_readmes_agent_is_valid_and_dev_starts_what_its_tool_calls(tmp_path: Path) -> None:
    (block,) = [part for part in (ROOT / "README.md").read_text().split("\n\n") if "kind: VoiceAgent" in part]
    agent = tmp_path / "agent.yaml"
    agent.write_text(textwrap.dedent(block.strip("\n")))
    assert run(agent) == 0
    assert uses_parcels(validate.read_bundle(str(agent)))


def test_every_mistake_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = EXAMPLE.read_text()
    text = text.replace("tool: parcel-status", "tool: parcel-state").replace("timeout: 2s", "timeout: 2")
    broken = tmp_path / "agent.yaml"
    broken.write_text(text.replace("onUnsure: 2", "onUnsure: 2, onUnsire: 1"))
    assert run(broken) == 1
    captured = capsys.readouterr()
    timeout_line = next(n for n, line in enumerate(broken.read_text().splitlines(), 1) if "timeout: 2" in line)
    assert f"{broken}:{timeout_line}: spec.tools[0].timeout: write a duration with its unit" in captured.out
    assert "spec.escalation.onUnsire: unknown field" in captured.out
    assert "mistakes; no call can be answered" in captured.err


def test_a_missing_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.yaml") == 2
    assert "cannot read" in capsys.readouterr().err


TOOL = "idempotent: true"
SCHEMAS = {
    "arguments": "arguments: {type: objekt}",
    "result": "result: {type: object, properties: {status: {$ref: 'http://elsewhere.example/status.json'}}}",
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [("arguments", "is not a JSON Schema"), ("result", "$ref may only point into the schema itself")],
)
def test_a_schema_that_the_tool_gateway_would_refuse_is_named_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, words: str
) -> None:
    broken = tmp_path / "agent.yaml"
    lines = [line for line in EXAMPLE.read_text().splitlines() if not line.strip().startswith("result:")]
    at = next(number for number, line in enumerate(lines) if line.strip() == TOOL)
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines.insert(at + 1, indent + SCHEMAS[kind])
    broken.write_text("\n".join(lines) + "\n")
    assert run(broken) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{broken}:{at + 2}: spec.tools[0].{kind}: ") and words in out
    broken.write_text(broken.read_text().replace(SCHEMAS[kind], f"{kind}: {{type: object}}"))
    assert run(broken) == 0


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ("voice: {profile: cpu-smal, name: joe}", "spec.voice.profile", "no speech profile is named 'cpu-smal'"),
        ("voice: {profile: cpu-small, name: jo}", "spec.voice.name", "has no voice 'jo'; it has "),
        ("voice: {name: jo}", "spec.voice.name", "has no voice 'jo'"),
    ],
)
def test_a_voice_that_no_profile_has_is_named_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, path: str, words: str
) -> None:
    broken = tmp_path / "agent.yaml"
    broken.write_text(EXAMPLE.read_text().replace("voice: {profile: cpu-small, name: joe}", change))
    line = next(n for n, text in enumerate(broken.read_text().splitlines(), 1) if "voice: {" in text)
    assert run(broken) == 1
    told = capsys.readouterr().out
    assert f"{broken}:{line}: {path}: " in told and words in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: parcel-desk,", "name: Parcel_Desk,", "metadata.name: expected a name of a-z, 0-9, - and ., such as"),
        ("name: track-parcel", "name: Track it", "spec.intents[0].name: expected a name of a-z, 0-9 and -, at most 63"),
        (
            'target: "sip:queue@',
            'target: "queue@',
            "spec.escalation.target: expected a sip:, sips: or tel: address, such as sip:queue@pbx.example",
        ),
        ('url: "http://parcels', 'url: "parcels', "http.url: expected an address that begins with http:// or https://"),
        ("residency: [US]", "residency: [us]", "expected a country by its two capital letters"),
    ],
)
def test_a_value_of_the_wrong_form_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, told: str
) -> None:
    broken = tmp_path / "agent.yaml"
    text = EXAMPLE.read_text()
    assert old in text, old
    broken.write_text(text.replace(old, new, 1))
    assert run(broken) == 1
    out = capsys.readouterr().out
    assert told in out and "pattern" not in out


def test_every_pattern_of_an_agent_and_a_policy_has_words() -> None:
    def patterns(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
            return own.union(*map(patterns, node.values()))
        return set().union(*map(patterns, node)) if isinstance(node, list) else set()

    found = patterns([VoiceAgent.model_json_schema(), VoicePolicy.model_json_schema()])
    assert found - {DURATION_SCHEMA["pattern"]} <= set(EXPECTED)


def test_a_voice_and_a_schema_are_checked_also_where_other_parts_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "agent.yaml"
    text = EXAMPLE.read_text().replace("timeout: 2s", "timeout: 2\n      arguments: {type: objekt}")
    broken.write_text(text.replace("name: joe", "name: jo").replace("tool: parcel-status", "tool: parcel-state"))
    assert run(broken) == 1
    told = [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "spec.voice.name",
        "spec.intents[0].tool",
        "spec.tools[0].name",
        "spec.tools[0].timeout",
        "spec.tools[0].arguments",
    ]


def test_a_file_that_is_not_utf8_is_told_with_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "agent.yaml"
    broken.write_bytes(EXAMPLE.read_text().replace("Northwind", "Nordwärts", 1).encode("latin-1"))
    line = next(n for n, text in enumerate(EXAMPLE.read_text().splitlines(), 1) if "Northwind" in text)
    assert run(broken) == 1
    assert f"{broken}:{line}: (file): not UTF-8 text: save the file as UTF-8" in capsys.readouterr().out


REGION = EXAMPLE.parent / "kubernetes" / "remote-region.yaml"
TRUNK = """
apiVersion: voiceplane.dev/v1alpha1
kind: SIPTrunk
metadata: {name: carrier, namespace: support}
spec: {agentRef: {name: parcel-desk}, sources: [198.51.100.0/24]}
"""


def test_every_kind_that_a_cluster_takes_is_judged_alone_or_beside_an_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent, policy = EXAMPLE.read_text().split("\n---\n")
    path = tmp_path / "file.yaml"
    for text, told in (
        (REGION.read_text(), "VoiceRegion frankfurt is valid: cloud in DE, 100 calls, by kubeConfig"),
        (TRUNK, "SIPTrunk support/carrier is valid: calls to support/parcel-desk from 198.51.100.0/24"),
        (policy, "VoicePolicy support/retail is valid: sha256:"),
    ):
        path.write_text(text)
        assert (run(path), told in capsys.readouterr().out) == (0, True)
        path.write_text("\n---\n".join((agent, policy) if text is policy else (agent, policy, text)))
        out = (run(path), capsys.readouterr().out)[1]
        assert out.startswith("VoiceAgent support/parcel-desk is valid") and (text is policy or told in out)


def test_a_mistake_of_a_region_or_trunk_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.yaml"
    region = REGION.read_text().replace("capacity:", "capacty:")
    line = next(n for n, text in enumerate(region.splitlines(), 1) if "capacty" in text)
    path.write_text(f"{region}---{TRUNK.replace('/24', '/33')}")
    assert run(path) == 1
    out = capsys.readouterr().out
    assert f"{path}:{line}: spec.capacty: unknown field" in out
    assert "spec.sources: 198.51.100.0/33 is not a range of addresses" in out


def test_a_file_without_any_of_our_kinds_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("")
    assert run(path) == 1
    assert f"{path}:1: (file): nothing of ours here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n- b\n", "1: (document): expected fields such as apiVersion: voiceplane.dev/v1alpha1, not a list"),
        ("agent: a.yaml\nscenarios: []\n", "2: scenarios: these are calls: voiceplane test runs them"),
    ],
)
def test_a_file_of_another_sort_is_told_what_it_is(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.yaml").write_text(text)
    assert run(tmp_path / "file.yaml") == 1
    assert f"{tmp_path / 'file.yaml'}:{told}" in capsys.readouterr().out
