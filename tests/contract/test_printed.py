"""Objects as `kubectl get ... -o yaml` prints them: in a List, with the status that a cluster has written."""

import pytest
import yaml

from voiceplane.contract.load import InvalidAgentError, load_bundle

AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: parcel-desk, namespace: support}
spec:
  opening: "Northwind parcels."
  intents: [{name: track, examples: ["where is my parcel"], tool: parcel-status, reply: "It is {status}."}]
  tools: [{name: parcel-status, http: {method: GET, url: "http://parcels/"}, timeout: 2s}]
"""
POLICY = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoicePolicy
metadata: {name: retail, namespace: support}
spec: {tools: {deny: [wipe]}}
"""


def mistakes(text: str) -> list[tuple[str, int]]:
    with pytest.raises(InvalidAgentError) as raised:
        load_bundle(text)
    return [(mistake.path, mistake.line) for mistake in raised.value.mistakes]


def test_what_kubectl_prints_of_several_objects_is_read_with_the_lines_of_each() -> None:
    objects = [yaml.safe_load(text) for text in (AGENT, POLICY)]
    objects[0]["spec"]["policyRef"] = {"name": "retail"}
    for one in objects:
        one["status"] = {"conditions": []}
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects})
    assert load_bundle(text).policy.tools.deny == ("wipe",)
    wrong = text.replace("  tool: parcel-status", "  tool: parcel-state")
    line = next(n for n, words in enumerate(wrong.splitlines(), 1) if "tool: parcel-state" in words)
    assert ("spec.intents[0].tool", line) in mistakes(wrong)


@pytest.mark.parametrize(
    "items", ["items: 3", "items: {a: 1}", "items: []", "items: [1]", "items: [a]\nitems: [b]", ""]
)
def test_a_list_of_nothing_is_a_clean_mistake(items: str) -> None:
    assert mistakes(f"apiVersion: v1\nkind: List\n{items}\n")
