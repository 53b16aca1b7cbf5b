"""Read VoiceAgent and VoicePolicy YAML. Text in, models or a list of mistakes out; each mistake names path and line."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from voiceplane.contract.agent import API_VERSION, Placement, Rollout, VoiceAgent, VoiceAgentSpec, placeholders
from voiceplane.contract.base import EXPECTED, FROM_YAML
from voiceplane.contract.documents import InvalidAgentError, Mistake, Path, dotted, line_of, read_documents
from voiceplane.contract.policy import VoicePolicy, VoicePolicySpec, digest
from voiceplane.contract.sentences import phrases

__all__ = ["Bundle", "InvalidAgentError", "Mistake", "load_bundle", "mistakes_of"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One agent with the policy that holds for it, and the digests that name both."""

    agent: VoiceAgent
    policy: VoicePolicySpec

    @property
    def agent_name(self) -> str:
        """Name the agent as namespace/name: with its revision, the key by which planners and tools know it."""
        metadata = self.agent.metadata
        return f"{metadata.namespace}/{metadata.name}"

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
    agents: list[tuple[VoiceAgent, yaml.Node]] = []
    policies: dict[str, VoicePolicy] = {}
    mistakes: list[Mistake] = []
    for content, node in read_documents(text):
        try:
            kind = content.get("kind") if isinstance(content, dict) else None
            if kind == "VoiceAgent":
                agents.append((VoiceAgent.model_validate(content, context=FROM_YAML), node))
            elif kind == "VoicePolicy":
                policy = VoicePolicy.model_validate(content, context=FROM_YAML)
                if policy.metadata.name in policies:
                    at = ("metadata", "name")
                    mistakes.append(Mistake(dotted(at), line_of(node, at), "two policies have this name"))
                policies[policy.metadata.name] = policy
            else:
                mistakes.append(Mistake("kind", line_of(node, ()), f"expected VoiceAgent or VoicePolicy, not {kind!r}"))
        except ValidationError as error:
            mistakes.extend(mistakes_of(error, node))
    if not agents and not mistakes:
        mistakes.append(Mistake("(file)", 1, f"no VoiceAgent here: start with apiVersion: {API_VERSION}"))
    if len(agents) > 1:
        mistakes.append(Mistake("(file)", line_of(agents[1][1], ()), "more than one VoiceAgent: one file, one agent"))
    for agent, node in agents:
        mistakes.extend(
            Mistake(dotted(path), line_of(node, path), what) for path, what in cross_checks(agent, policies)
        )
    if mistakes:
        raise InvalidAgentError(tuple(mistakes))
    agent = agents[0][0]
    reference = agent.spec.policy_ref
    return Bundle(agent, policies[reference.name].spec if reference else VoicePolicySpec())


def mistakes_of(error: ValidationError, node: yaml.Node) -> Iterator[Mistake]:
    """Name each mistake that a model found, with the line of its path."""
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        path: Path = detail["loc"]
        inside = (other["loc"] for other in details if len(other["loc"]) > len(path))
        if detail["type"] == "too_short" and any(loc[: len(path)] == path for loc in inside):
            continue  # the list is short only because its faulty items, named on their own, were left out
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "unknown field: remove it or correct its spelling"
        elif detail["type"] == "string_type":
            message = "expected text: put the value in quotes if YAML reads it as a number, yes or no"
        elif detail["type"] == "string_pattern_mismatch":
            message = EXPECTED.get(detail["ctx"]["pattern"], message)
        elif detail["type"] == "missing":
            message = "is missing"
        yield Mistake(dotted(path), line_of(node, path), message)


def cross_checks(agent: VoiceAgent, policies: dict[str, VoicePolicy]) -> Iterator[tuple[Path, str]]:
    """Find what a schema cannot: names that point nowhere, names used twice, words in braces that nothing fills."""
    spec = agent.spec
    yield from _duplicates(("spec", "intents"), [intent.name for intent in spec.intents])
    yield from _duplicates(("spec", "tools"), [tool.name for tool in spec.tools])
    tools = {tool.name: tool for tool in spec.tools}
    for index, intent in enumerate(spec.intents):
        at: Path = ("spec", "intents", index)
        slots = [slot.name for slot in intent.slots]
        yield from _duplicates((*at, "slots"), slots)
        if intent.tool is not None and intent.tool not in tools:
            yield (*at, "tool"), f"no tool is named {intent.tool!r}; tools are {_listed(tools)}"
        if intent.then == "transfer" and spec.escalation is None:
            yield (*at, "then"), "a transfer needs spec.escalation with a target"
        yield from _template((*at, "reply"), intent.reply, None if intent.tool else slots)
        if intent.confirm is not None:
            yield from _template((*at, "confirm"), intent.confirm, slots)
        if intent.tool in tools:
            tool_index = list(tools).index(intent.tool)
            http = tools[intent.tool].http
            if http is not None:
                yield from _template(("spec", "tools", tool_index, "http", "url"), http.url, slots)
                for key, value in (http.body or {}).items():
                    yield from _template(("spec", "tools", tool_index, "http", "body", key), value, slots)
    used = {intent.tool for intent in spec.intents}
    for index, tool in enumerate(spec.tools):
        if tool.name not in used:
            yield ("spec", "tools", index, "name"), f"no intent uses the tool {tool.name!r}: no call could run it"
    yield from _unspoken(spec)
    if spec.policy_ref is not None and spec.policy_ref.name not in policies:
        yield (
            ("spec", "policyRef", "name"),
            f"no VoicePolicy {spec.policy_ref.name!r} here; there is {_listed(policies)}",
        )


def _unspoken(spec: VoiceAgentSpec) -> Iterator[tuple[Path, str]]:
    """Find sentences with a rule for interruptions that the agent never says: the rule would shield nothing."""
    texts = [*spec.texts(), *((spec.planner.model.instructions,) if spec.planner.model is not None else ())]
    spoken = {phrase for text in texts for phrase in phrases(text)}
    named: list[tuple[Path, str]] = [(("never", index), text) for index, text in enumerate(spec.barge_in.never)]
    named += [(("phrases", index, "text"), phrase.text) for index, phrase in enumerate(spec.barge_in.phrases)]
    for path, text in named:
        for phrase in phrases(text):
            if phrase not in spoken:
                yield ("spec", "bargeIn", *path), f"the agent never says {phrase!r}: write it as where it is said"


def _duplicates(at: Path, names: list[str]) -> Iterator[tuple[Path, str]]:
    for name, count in Counter(names).items():
        if count > 1:
            last = len(names) - 1 - names[::-1].index(name)
            yield (*at, last, "name"), f"the name {name!r} is used {count} times: names must differ"


def _template(at: Path, text: str, known: list[str] | None) -> Iterator[tuple[Path, str]]:
    try:
        names = placeholders(text)
    except ValueError:
        yield at, "a brace is open or closed alone: write {name}, or {{ for a brace"
        return
    for name in names:
        if not name.isidentifier():
            yield at, f"{{{name}}} is not a plain name"
        elif known is not None and name not in known:
            yield at, f"{{{name}}} is filled by nothing: slots are {_listed(known)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
