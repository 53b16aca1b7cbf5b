"""Read YAML of our kinds. Text in, models or a list of mistakes out; each mistake names path and line."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from voiceplane.contract.agent import API_VERSION, Placement, Rollout, VoiceAgent
from voiceplane.contract.base import EXPECTED, FROM_YAML, ContractModel
from voiceplane.contract.crosschecks import cross_checks
from voiceplane.contract.documents import (
    InvalidAgentError,
    Mistake,
    Path,
    dotted,
    line_of,
    parse_documents,
    read_documents,
)
from voiceplane.contract.policy import VoicePolicy, VoicePolicySpec, digest
from voiceplane.contract.region import VoiceRegion
from voiceplane.contract.trunk import SIPTrunk

__all__ = [
    "Bundle",
    "InvalidAgentError",
    "Loaded",
    "Mistake",
    "load_beside",
    "load_bundle",
    "load_file",
    "load_region",
    "mistakes_of",
]


Model = TypeVar("Model", bound=ContractModel)
_OF_AGENT: dict[str, type[ContractModel]] = {"VoiceAgent": VoiceAgent, "VoicePolicy": VoicePolicy}
_BESIDE: dict[str, type[ContractModel]] = {"VoiceRegion": VoiceRegion, "SIPTrunk": SIPTrunk}


@dataclass(frozen=True, slots=True)
class Bundle:
    """One agent with the policy that holds for it, and the digests that name both."""

    agent: VoiceAgent
    policy: VoicePolicySpec

    @property
    def agent_name(self) -> str:
        """Name the agent as namespace/name: with its revision, the key by which planners and tools know it."""
        return self.agent.metadata.full_name

    @property
    def revision(self) -> str:
        """Name what a call sees of agent and policy: first 12 hex digits of a sha256.

        Where and how widely an agent runs is not in it: more capacity is no reason to move anybody's calls.
        """
        seen = self.agent.spec.model_copy(update={"placement": Placement(), "rollout": Rollout()})
        return hashlib.sha256(f"{digest(seen)} {self.policy_digest}".encode()).hexdigest()[:12]

    @property
    def policy_digest(self) -> str:
        """Name the policy's content: sha256 in hex."""
        return digest(self.policy)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds."""

    bundle: Bundle | None = None
    policies: tuple[VoicePolicy, ...] = ()
    regions: tuple[VoiceRegion, ...] = ()
    trunks: tuple[SIPTrunk, ...] = ()


def load_bundle(text: str) -> Bundle:
    """Read one VoiceAgent and any VoicePolicies beside it; InvalidAgentError lists every mistake."""
    bundle = _read(text, _OF_AGENT).bundle
    if bundle is None:
        raise InvalidAgentError((Mistake("(file)", 1, f"no VoiceAgent here: start with apiVersion: {API_VERSION}"),))
    return bundle


def load_file(text: str) -> Loaded:
    """Read objects of all our kinds, at most one VoiceAgent; InvalidAgentError lists every mistake."""
    loaded = _read(text, {**_OF_AGENT, **_BESIDE})
    if loaded == Loaded():
        raise InvalidAgentError((Mistake("(file)", 1, f"nothing of ours here: start with apiVersion: {API_VERSION}"),))
    return loaded


def load_beside(text: str) -> list[dict[str, Any]]:
    """Return what stands beside an agent on a hub, of any kind; InvalidAgentError lists the mistakes in ours."""
    documents, mistakes = parse_documents(text)
    for content, node in documents:
        try:
            if _kind(content) in _BESIDE:
                _validated(_BESIDE[_kind(content)], content)
        except ValidationError as error:
            mistakes.extend(mistakes_of(error, node))
    if mistakes:
        raise InvalidAgentError(tuple(mistakes))
    return [content for content, _ in documents if isinstance(content, dict)]


def _read(text: str, kinds: Mapping[str, type[ContractModel]]) -> Loaded:
    documents, mistakes = parse_documents(text)
    read: dict[str, list[Any]] = {kind: [] for kind in kinds}
    found = [(content, node) for content, node in documents if _kind(content) == "VoiceAgent"]
    named: set[str] = set()  # policies, also those that are not right
    for content, node in documents:
        kind = _kind(content)
        if kind not in kinds:
            mistakes.append(_of_no_kind(content, node, kinds))
            continue
        name = _name(content) if kind == "VoicePolicy" else None
        if name is not None and name in named:
            at = ("metadata", "name")
            mistakes.append(Mistake(dotted(at), line_of(node, at), "two policies have this name"))
        named |= {name} if name is not None else set()
        try:
            read[kind].append(_validated(kinds[kind], content))
        except ValidationError as error:
            mistakes.extend(mistakes_of(error, node))
    if len(found) > 1:
        mistakes.append(Mistake("(file)", line_of(found[1][1], ()), "more than one VoiceAgent: one file, one agent"))
    for content, node in found:
        mistakes.extend(
            Mistake(dotted(path), line_of(node, path), what) for path, what in cross_checks(content.get("spec"), named)
        )
    if mistakes:
        raise InvalidAgentError(tuple(sorted(mistakes, key=lambda mistake: mistake.line)))
    policies: dict[str, VoicePolicy] = {one.metadata.name: one for one in read["VoicePolicy"]}
    bundles = [Bundle(one, _policy_of(one, policies)) for one in read["VoiceAgent"]]
    return Loaded(
        bundles[0] if bundles else None, tuple(policies.values()), *(tuple(read.get(kind, ())) for kind in _BESIDE)
    )


def _validated(model: type[Model], content: Any) -> Model:
    if isinstance(content, dict):  # a cluster writes the status, and takes none from a file either
        content = {key: value for key, value in content.items() if key != "status"}
    return model.model_validate(content, context=FROM_YAML, by_alias=True, by_name=False)


def _policy_of(agent: VoiceAgent, policies: Mapping[str, VoicePolicy]) -> VoicePolicySpec:
    reference = agent.spec.policy_ref
    return policies[reference.name].spec if reference else VoicePolicySpec()


def load_region(text: str) -> VoiceRegion:
    """Read the one VoiceRegion among a text's documents; InvalidAgentError lists every mistake."""
    found = [(content, node) for content, node in read_documents(text) if _kind(content) == "VoiceRegion"]
    if len(found) != 1:
        line = line_of(found[1][1], ()) if found else 1
        raise InvalidAgentError((Mistake("(file)", line, f"expected one VoiceRegion, found {len(found)}"),))
    content, node = found[0]
    try:
        return _validated(VoiceRegion, content)
    except ValidationError as error:
        raise InvalidAgentError(tuple(mistakes_of(error, node))) from error


def _kind(content: Any) -> str:
    kind = content.get("kind") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else ""


def _name(content: Mapping[str, Any]) -> str | None:
    metadata = content.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def _of_no_kind(content: Any, node: yaml.Node, kinds: Collection[str]) -> Mistake:
    """Say what a document is that is none of these."""
    if not isinstance(content, dict):
        what = "a list" if isinstance(content, list) else "text"
        told = f"expected fields such as apiVersion: {API_VERSION}, not {what}"
        return Mistake("(document)", line_of(node, ()), told)
    if "scenarios" in content:
        return Mistake("scenarios", line_of(node, ("scenarios",)), "these are calls: voiceplane test runs them")
    *first, last = kinds
    wanted = f"{', '.join(first)} or {last}"
    if "kind" not in content:
        return Mistake("kind", line_of(node, ()), f"is missing: write kind: {wanted}")
    told = f"expected {wanted}, not {content['kind']!r}"
    if _kind(content) in _BESIDE:
        told += ": give it a file of its own"
    return Mistake("kind", line_of(node, ("kind",)), told)


_SHAPES = {
    "model_type": "expected fields of its own below it, indented",
    "dict_type": "expected fields of its own below it, indented",
    "tuple_type": "expected a list: [a, b], or a line with - for each item",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "expected a whole number, such as 6"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "expected true or false"),
}
_LENGTHS = {
    "string_too_short": "expected text: at least {min_length} character",
    "string_too_long": "expected at most {max_length} characters",
}


def mistakes_of(error: ValidationError, node: yaml.Node) -> Iterator[Mistake]:
    """Name each mistake that a model found, with the line of its path."""
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        path: Path = detail["loc"]
        inside = (other["loc"] for other in details if len(other["loc"]) > len(path))
        if detail["type"] == "too_short" and any(loc[: len(path)] == path for loc in inside):
            continue  # the list is short only because its faulty items, named on their own, were left out
        message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        if detail["type"] == "extra_forbidden":
            message = "unknown field: remove it or correct its spelling"
        elif detail["type"] == "string_type":
            message = "expected text: put the value in quotes if YAML reads it as a number, yes or no"
        elif detail["type"] == "string_pattern_mismatch":
            message = EXPECTED.get(detail["ctx"]["pattern"], message)
        elif detail["type"] in ("too_long", "too_short") and "actual_length" in detail["ctx"]:
            bound = "at most {max_length}" if detail["type"] == "too_long" else "at least {min_length}"
            message = f"expected {bound.format(**detail['ctx'])} items, not {detail['ctx']['actual_length']}"
        elif detail["type"] in _LENGTHS:
            message = _LENGTHS[detail["type"]].format(**detail["ctx"])
        elif detail["type"] in _SHAPES:
            message = _SHAPES[detail["type"]]
        elif detail["type"] == "missing":
            message = "is missing"
        yield Mistake(dotted(path), line_of(node, path), message)
