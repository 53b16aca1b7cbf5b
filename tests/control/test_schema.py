"""What a definition on a cluster lacks of ours."""

from typing import Any

import pytest
import yaml

from voiceplane_operator.definitions import crds, schema


def _kind() -> dict[str, Any]:
    definition: dict[str, Any] = yaml.safe_load(crds.as_yaml(crds.KINDS[0]))
    return definition


@pytest.mark.parametrize("kind", crds.KINDS, ids=lambda kind: kind.plural)
def test_a_definition_is_written_out_without_anchors(kind: crds.Kind) -> None:
    events = list(yaml.parse(crds.as_yaml(kind)))
    assert [one for one in events if getattr(one, "anchor", None)] == []


def test_kubectl_explain_says_of_a_region_what_its_fields_mean() -> None:
    region = next(kind for kind in crds.KINDS if kind.name == "VoiceRegion")
    spec = crds.definition(region)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    silent = [name for name, field in spec["properties"].items() if not field.get("description")]
    assert silent == [], "a field of this kind has words of its own or a model with a docstring"


def test_what_a_newer_definition_has_more_is_no_problem() -> None:
    newer = _kind()
    properties = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    properties["spec"]["properties"]["later"] = {"type": "string"}
    assert schema._lack(_kind(), newer) == ""


def test_a_version_that_is_not_served_is_named() -> None:
    other = _kind()
    other["spec"]["versions"][0]["name"] = "v1alpha0"
    assert schema._lack(_kind(), other) == "does not serve v1alpha1"
    off = _kind()
    off["spec"]["versions"][0]["served"] = False
    assert schema._lack(_kind(), off) == "does not serve v1alpha1"


def test_a_field_is_missed_wherever_it_stands() -> None:
    text = {"type": "string"}
    inner = {"type": "object", "properties": {"a": text, "b": text}}
    ours = {"properties": {"list": {"items": inner}, "map": {"additionalProperties": inner}, "free": text}}
    thin = {"type": "object", "properties": {"a": text}}
    live = {"properties": {"list": {"items": thin}, "map": {"additionalProperties": thin}, "free": text}}
    assert schema.lacking(ours, live) == ["list[].b", "map.*.b"]
    assert schema.lacking(ours, ours) == []
    kept = {"properties": {**live["properties"], "list": {"x-kubernetes-preserve-unknown-fields": True}}}
    assert schema.lacking(ours, kept) == ["map.*.b"]
