"""Generate the custom resource definitions from the contract's models. Read by `crds`, the charts and the skew check.

The models are the one source; this adds what only a cluster needs: structural form (no references, no null), defaults
that the API server fills, the CEL rules of crd_rules, printer columns, and a hash by which the operator can tell that
the definitions on a cluster are not its own.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from voiceplane.contract import status
from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.base import format_duration
from voiceplane.contract.policy import VoicePolicySpec
from voiceplane.contract.region import VoiceRegionSpec
from voiceplane.contract.trunk import SIPTrunkSpec
from voiceplane_operator.definitions import plain_yaml
from voiceplane_operator.definitions.crd_rules import IN_A_DAY, RULES, UNIQUE_BY_NAME, Rule
from voiceplane_operator.definitions.words import WORDS

GROUP, VERSION = "voiceplane.dev", "v1alpha1"
SCHEMA_HASH = "voiceplane.dev/schema-hash"
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind and how it looks to people."""

    name: str
    plural: str
    short: tuple[str, ...]
    namespaced: bool
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[tuple[str, str, str], ...]  # name, type, path
    spec_required: bool = True
    wide: tuple[tuple[str, str, str], ...] = ()  # columns of kubectl get -o wide


def _condition(kind: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


AGE = ("Age", "date", ".metadata.creationTimestamp")
KINDS = (
    Kind(
        "VoiceAgent",
        "voiceagents",
        ("va",),
        True,
        VoiceAgentSpec,
        status.VoiceAgentStatus,
        (
            ("Ready", "string", _condition("Ready")),
            ("Reason", "string", _condition("Ready", "reason")),
            ("Revision", "string", ".status.revision"),
            ("Regions", "string", ".status.regions"),
            ("Calls", "integer", ".status.calls"),
            ("Rollout", "string", ".status.rollout"),
            AGE,
        ),
        wide=(
            ("Address", "string", ".status.address"),
            ("Capacity", "string", _condition("CapacityAvailable", "reason")),
        ),
    ),
    Kind(
        "VoicePolicy",
        "voicepolicies",
        ("vp",),
        True,
        VoicePolicySpec,
        status.VoicePolicyStatus,
        (("Ready", "string", _condition("Ready")), ("Digest", "string", ".status.shortDigest"), AGE),
        spec_required=False,
    ),
    Kind(
        "VoiceRegion",
        "voiceregions",
        ("vr",),
        False,
        VoiceRegionSpec,
        status.VoiceRegionStatus,
        (
            ("Ready", "string", _condition("Ready")),
            ("Reason", "string", _condition("Ready", "reason")),
            ("Mode", "string", ".spec.mode"),
            ("Location", "string", ".spec.location"),
            ("Capacity", "integer", ".spec.capacity"),
            ("Agents", "integer", ".status.agents"),
            ("Calls", "integer", ".status.calls"),
            ("Lost", "date", ".status.lostSince"),
            AGE,
        ),
    ),
    Kind(
        "SIPTrunk",
        "siptrunks",
        ("trunk",),
        True,
        SIPTrunkSpec,
        status.SIPTrunkStatus,
        (("Accepted", "string", _condition("Accepted")), ("Agent", "string", ".spec.agentRef.name"), AGE),
    ),
)


def definition(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind, with the hash of its schema."""
    schema = _whole(kind)
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": shape, "jsonPath": path} for name, shape, path in kind.columns
        ]
        + [{"name": name, "type": shape, "jsonPath": path, "priority": 1} for name, shape, path in kind.wide],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "annotations": {"helm.sh/resource-policy": "keep", SCHEMA_HASH: schema_hash(kind)},
            "labels": {"app.kubernetes.io/part-of": "voiceplane"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": list(kind.short),
                "categories": ["voice"],
            },
            "versions": [version],
        },
    }


def as_yaml(kind: Kind) -> str:
    """Write a definition as the chart holds it."""
    head = "# Generated: python -m voiceplane_operator crds --out charts/voiceplane-crds/templates\n"
    return head + plain_yaml.as_yaml(definition(kind))


@functools.cache  # compared every 15 s; to write a schema takes a tenth of a second
def schema_hash(kind: Kind) -> str:
    """Name the schema's content: 16 hex digits."""
    text = json.dumps(_whole(kind), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _whole(kind: Kind) -> Schema:
    spec = _structural(kind.spec.model_json_schema(by_alias=True))
    _add_rules(spec, "spec", RULES.get(kind.name, {}), unique=UNIQUE_BY_NAME.get(kind.name, frozenset()))
    for path, words in WORDS.get(kind.name, {}).items():
        _field(spec, path)["description"] = words
    if not kind.spec_required:
        spec["default"] = {}
    observed = _structural(kind.status.model_json_schema(by_alias=True, mode="serialization"))
    _without_defaults(observed)
    properties: Schema = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": spec,
        "status": observed,
    }
    doc = f"{kind.name} of {GROUP}."
    return {"type": "object", "description": doc, "required": ["spec"], "properties": properties}


def _field(node: Schema, path: str) -> Schema:
    """Return the schema of a field by its path."""
    for name in path.split("."):
        node = node["properties"][name]
    return node


def _structural(schema: Schema) -> Schema:
    return _inlined(schema, schema.get("$defs", {}))


def _inlined(node: Schema, definitions: Schema) -> Schema:
    """Resolve references and write the node in the dialect that a cluster takes."""
    node = {key: value for key, value in node.items() if key not in ("$defs", "title")}
    if "$ref" in node:
        target = definitions[node.pop("$ref").rpartition("/")[2]]
        node = {**_inlined(target, definitions), **node}
    if "anyOf" in node:
        (real,) = [choice for choice in node.pop("anyOf") if choice.get("type") != "null"]
        node = {**_inlined(real, definitions), **node}
    if node.get("default", 0) is None:
        del node["default"]
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "enum" in node and node.get("type") == "string":
        node["maxLength"] = max(len(word) for word in node["enum"])  # CEL prices a rule by it
    for bound, flag in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bound in node:
            node[flag], node[bound] = node[bound], True
    if "items" in node:
        node["items"] = _inlined(node["items"], definitions)
    if "properties" in node:
        node["properties"] = {key: _inlined(value, definitions) for key, value in node["properties"].items()}
        node.pop("additionalProperties", None)  # the API server prunes, and kubectl tells what it does not know
    elif node.get("type") == "object":
        _free_form(node, definitions)
    if isinstance(node.get("default"), dict):
        node["default"] = _least(node["default"], node)
    elif node.get("pattern", "").endswith("(ms|s|m|h)$"):
        node["x-kubernetes-validations"] = [IN_A_DAY.as_schema()]
        if isinstance(node.get("default"), float):
            node["default"] = format_duration(node["default"])
    if node.get("type") == "array" and node.get("default") == []:
        del node["default"]
    return node


def _free_form(node: Schema, definitions: Schema) -> None:
    values = node.pop("additionalProperties", True)
    node.pop("propertyNames", None)
    if isinstance(values, dict):
        node["additionalProperties"] = _inlined(values, definitions)
    elif values:
        node["x-kubernetes-preserve-unknown-fields"] = True


def _least(default: Schema, schema: Schema) -> Schema:
    """Drop what the fields' own defaults fill in, so that each default stands in one place."""
    fields = schema.get("properties", {})
    return {
        key: _least(value, fields[key]) if isinstance(value, dict) and key in fields else value
        for key, value in default.items()
        if value is not None
        and not (value == [] and "default" not in fields[key])
        and value != fields[key].get("default")
    }


def _without_defaults(node: Schema) -> None:
    """Let no default turn up in a status that nobody has written; only what is in every condition is required."""
    node.pop("default", None)
    for child in node.get("properties", {}).values():
        _without_defaults(child)
    if "items" in node:
        _without_defaults(node["items"])
    properties = node.get("properties", {})
    node["required"] = [name for name in node.get("required", ()) if name in ("type", "status", "reason", "name")]
    if not node["required"]:
        del node["required"]
    if node.get("type") == "array" and "items" in node:
        inner = node["items"].get("properties", {})
        key = "type" if "lastTransitionTime" in inner else "name" if "ready" in inner else None
        if key:
            node.update({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]})
    if "lastTransitionTime" in properties or "lostSince" in properties:
        for name in ("lastTransitionTime", "lostSince"):
            if name in properties:
                properties[name]["format"] = "date-time"


def _add_rules(node: Schema, path: str, rules: Mapping[str, tuple[Rule, ...]], *, unique: Set[str]) -> None:
    if path in rules:
        node["x-kubernetes-validations"] = [rule.as_schema() for rule in rules[path]]
    if path in unique:
        node.update({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]})
    for name, child in node.get("properties", {}).items():
        _add_rules(child, f"{path}.{name}", rules, unique=unique)
    if "items" in node:
        _add_rules(node["items"], f"{path}[]", rules, unique=unique)
