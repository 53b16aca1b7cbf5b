"""From files to a target: what the operator reads from the hub, read from a person's YAML instead. Used by commands.

What counts beside the agent and its policies: its SIPTrunks, the Secret that its model planner names, and the other
VoiceRegions, which share its calls.
"""

import base64
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.load import InvalidAgentError, load_beside, load_bundle, load_region
from voiceplane.contract.region import VoiceRegion
from voiceplane_operator.decide.placement import Candidate, Choice, choose
from voiceplane_operator.decide.ports import free_block
from voiceplane_operator.manifests.credential import KEY
from voiceplane_operator.manifests.target import Target
from voiceplane_operator.reconcile import bundles
from voiceplane_operator.reconcile.bundles import Wish

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """An agent in a region, and in words what the region lacks for its calls, if anything."""

    target: Target
    shortage: str
    apart: tuple[str, ...] = ()  # SIPTrunks given beside it that are of other agents


def target_of(
    agent_text: str, region: VoiceRegion, beside: Iterable[Document] = (), *, hub: str = "hub", calls: int | None = None
) -> Target:
    """Return an agent file's target in a region, serving its newest revision as it does once all of it is up."""
    return place(agent_text, region, beside, hub=hub, calls=calls).target


def place(
    agent_text: str, region: VoiceRegion, beside: Iterable[Document] = (), *, hub: str = "hub", calls: int | None = None
) -> Placed:
    """Place an agent file in a region; ValueError when it is not placed there.

    `calls`: the region's share, where other agents have some of its capacity.
    """
    bundle = load_bundle(agent_text)
    spec, beside = bundle.agent.spec, tuple(beside)
    named = spec.policy_ref.name if spec.policy_ref else None
    policies = (one for one in load_beside(agent_text) if one.get("kind") == "VoicePolicy")
    policy = next((bundles.parse_policy(one) for one in policies if one["metadata"]["name"] == named), None)
    wish = Wish(bundle.agent, bundles.revision(bundle.agent, policy))
    trunks = sorted(filter(wish.is_own_trunk, beside), key=lambda one: str(one["metadata"]["name"]))
    everywhere = wish.everywhere(hub, trunks, credential=_credential(wish, beside))
    choice = _choice(wish, region, beside, calls)
    share = dict(choice.shares)[region.metadata.name] if calls is None else calls
    target = everywhere.in_region(region.metadata.name, region.spec, calls=share)
    block = free_block(region.spec, []) if region.spec.network.exposure == "host" else None
    apart = (one for one in beside if one.get("kind") == "SIPTrunk" and not wish.is_own_trunk(one))
    return Placed(target.served(block), choice.message, tuple(map(_names, apart)))


def _names(trunk: Document) -> str:
    """Say which agent a SIPTrunk names."""
    meta, agent = trunk["metadata"], trunk["spec"]["agentRef"]["name"]
    namespace = meta.get("namespace", "default")
    return f"SIPTrunk {namespace}/{meta['name']} names VoiceAgent {namespace}/{agent}"


def _choice(wish: Wish, region: VoiceRegion, beside: Iterable[Document], calls: int | None) -> Choice:
    """Choose as placement does when all regions answer and hold no other agents; with `calls`, this region alone."""
    others = (as_region(one) for one in beside if one.get("kind") == "VoiceRegion") if calls is None else ()
    fleet = {one.metadata.name: one for one in (*others, region)}
    candidates = tuple(Candidate(name, one.spec, True, False, calls is not None) for name, one in sorted(fleet.items()))
    wanted = wish.agent.spec.placement
    if calls is not None:
        wanted = wanted.model_copy(update={"capacity": calls, "modes": (region.spec.mode,), "residency": ()})
    choice = choose(wanted, candidates)
    if region.metadata.name not in dict(choice.shares):
        name, why = region.metadata.name, choice.message or "not needed"
        raise ValueError(f"the agent is not placed in region {name}: {why}")
    return choice


def _credential(wish: Wish, beside: Iterable[Document]) -> str:
    """Return the value of the Secret that the agent names, as its copy holds it; empty without it."""
    name, namespace = wish.revision.credential, wish.agent.metadata.namespace
    if not name:
        return ""
    for one in beside:
        meta = one.get("metadata") or {}
        if one.get("kind") == "Secret" and (meta.get("name"), meta.get("namespace", "default")) == (name, namespace):
            if KEY in (one.get("stringData") or {}):
                return base64.b64encode(str(one["stringData"][KEY]).encode()).decode()
            if KEY in (one.get("data") or {}):
                return str(one["data"][KEY])
            raise ValueError(f"Secret {namespace}/{name} has no key {KEY}")
    return ""


def text(path: Path) -> str:
    """Return what a file holds, or standard input for -; OSError, ValueError."""
    raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text: save the file as UTF-8") from error


def read_region(path: Path) -> VoiceRegion:
    """Read a VoiceRegion from a file; ValueError names the mistakes."""
    try:
        return load_region(text(path))
    except InvalidAgentError as error:
        raise ValueError("\n".join(mistake.at(path) for mistake in error.mistakes)) from error


def as_region(document: Document) -> VoiceRegion:
    """Parse a VoiceRegion; ValueError names the mistakes."""
    try:
        written = {key: value for key, value in document.items() if key != "status"}
        return VoiceRegion.model_validate(written, context=FROM_YAML)
    except ValidationError as error:
        raise ValueError(bundles.explain(error)) from error


def read(path: Path) -> list[Document]:
    """Return the documents of a file; ValueError names the mistakes in those of our kinds."""
    try:
        return load_beside(text(path))
    except InvalidAgentError as error:
        raise ValueError("\n".join(mistake.at(path) for mistake in error.mistakes)) from error
