"""Read VoiceAgent and VoicePolicy YAML. Text in, models or a list of mistakes out; each mistake names path and line."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from voiceplane.contract.agent import API_VERSION, Placement, Rollout, VoiceAgent
from voiceplane.contract.base import EXPECTED, FROM_YAML
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

__all__ = ["Bundle", "InvalidAgentError", "Mistake", "load_bundle", "load_region", "mistakes_of"]


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


def load_bundle(text: str) -> Bundle:
    """Read one VoiceAgent and any VoicePolicies beside it; InvalidAgentError lists every mistake."""
    documents, mistakes = parse_documents(text)
    agents: list[VoiceAgent] = []
    policies: dict[str, VoicePolicy] = {}
    found = [(content, node) for content, node in documents if _kind(content) == "VoiceAgent"]
    named: set[str] = set()  # policies, also those that are not right
    for content, node in documents:
        try:
            kind = _kind(content)
            if kind == "VoiceAgent":
                agents.append(VoiceAgent.model_validate(content, context=FROM_YAML, by_alias=True, by_name=False))
            elif kind == "VoicePolicy":
                name = _policy_name(content)
                if name is not None and name in named:
                    at = ("metadata", "name")
                    mistakes.append(Mistake(dotted(at), line_of(node, at), "two policies have this name"))
                named |= {name} if name is not None else set()
                policy = VoicePolicy.model_validate(content, context=FROM_YAML, by_alias=True, by_name=False)
                policies[policy.metadata.name] = policy
            else:
                mistakes.append(_of_no_kind(content, node))
        except ValidationError as error:
            mistakes.extend(mistakes_of(error, node))
    if not found and not mistakes:
        mistakes.append(Mistake("(file)", 1, f"no VoiceAgent here: start with apiVersion: {API_VERSION}"))
    if len(found) > 1:
        mistakes.append(Mistake("(file)", line_of(found[1][1], ()), "more than one VoiceAgent: one file, one agent"))
    for content, node in found:
        mistakes.extend(
            Mistake(dotted(path), line_of(node, path), what) for path, what in cross_checks(content.get("spec"), named)
        )
    if mistakes:
        raise InvalidAgentError(tuple(sorted(mistakes, key=lambda mistake: mistake.line)))
    agent = agents[0]
    reference = agent.spec.policy_ref
    return Bundle(agent, policies[reference.name].spec if reference else VoicePolicySpec())


def load_region(text: str) -> VoiceRegion:
    """Read the one VoiceRegion among a text's documents; InvalidAgentError lists every mistake."""
    found = [(content, node) for content, node in read_documents(text) if _kind(content) == "VoiceRegion"]
    if len(found) != 1:
        line = line_of(found[1][1], ()) if found else 1
        raise InvalidAgentError((Mistake("(file)", line, f"expected one VoiceRegion, found {len(found)}"),))
    content, node = found[0]
    try:
        return VoiceRegion.model_validate(content, context=FROM_YAML, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidAgentError(tuple(mistakes_of(error, node))) from error


def _kind(content: Any) -> Any:
    return content.get("kind") if isinstance(content, dict) else None


def _policy_name(content: Mapping[str, Any]) -> str | None:
    metadata = content.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def _of_no_kind(content: Any, node: yaml.Node) -> Mistake:
    """Say what a document is that is neither of ours."""
    if not isinstance(content, dict):
        return Mistake("(document)", line_of(node, ()), f"expected fields such as apiVersion: {API_VERSION}, not text")
    if "kind" not in content:
        return Mistake("kind", line_of(node, ()), "is missing: write kind: VoiceAgent, or VoicePolicy")
    return Mistake("kind", line_of(node, ("kind",)), f"expected VoiceAgent or VoicePolicy, not {_kind(content)!r}")


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
