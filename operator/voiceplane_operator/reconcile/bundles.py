"""From stored custom resources to a revision: parse, check as strictly as the services do, and write the bundle.

The text is what the services read with contract.load; digests of both are equal because both come from the models.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from voiceplane.contract.agent import API_VERSION, Placement, Rollout, VoiceAgent, VoiceAgentSpec
from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.crosschecks import cross_checks
from voiceplane.contract.documents import dotted
from voiceplane.contract.load import Bundle
from voiceplane.contract.policy import VoicePolicy, VoicePolicySpec
from voiceplane.contract.trunk import SIPTrunk, TrunkOfAgent
from voiceplane_operator.errors import InvalidObjectError
from voiceplane_operator.manifests.target import Everywhere, Revision

MAX_TEXT_BYTES = 200_000  # five revisions, escaped, must fit one RayService, and etcd takes 1.5 MB
_UNPRINTABLE = re.compile("[\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")  # what YAML will not have raw


@dataclass(frozen=True, slots=True)
class Wish:
    """A parsed agent."""

    agent: VoiceAgent
    revision: Revision

    def is_own_trunk(self, document: dict[str, Any]) -> bool:
        """Say whether a document is a SIPTrunk of the agent."""
        meta, spec = document.get("metadata") or {}, document.get("spec") or {}
        named = (meta.get("namespace", "default"), (spec.get("agentRef") or {}).get("name"))
        return document.get("kind") == "SIPTrunk" and named == (
            self.agent.metadata.namespace,
            self.agent.metadata.name,
        )

    def everywhere(self, hub: str, trunks: Iterable[dict[str, Any]], *, credential: str) -> Everywhere:
        """Return what all regions of the agent have in common."""
        metadata, spec = self.agent.metadata, self.agent.spec
        return Everywhere(
            hub,
            metadata.full_name,
            self.revision,
            spec.voice.profile,
            spec.rollout.max_unavailable,
            tuple(trunk(one) for one in trunks),
            credential,
        )


def parse_agent(raw: dict[str, Any]) -> VoiceAgent:
    """Parse a stored VoiceAgent; InvalidObjectError names each mistake."""
    try:
        return VoiceAgent.model_validate(_identified(raw, "VoiceAgent"), context=FROM_YAML)
    except ValidationError as error:
        raise InvalidObjectError(explain(error)) from error


def parse_policy(raw: dict[str, Any]) -> VoicePolicy:
    """Parse a stored VoicePolicy; InvalidObjectError names each mistake."""
    try:
        return VoicePolicy.model_validate(_identified(raw, "VoicePolicy"), context=FROM_YAML)
    except ValidationError as error:
        raise InvalidObjectError(explain(error)) from error


def trunk(raw: dict[str, Any]) -> TrunkOfAgent:
    """Return a stored SIPTrunk, which the API server has checked, as gateways know it."""
    return SIPTrunk.model_validate(_identified(raw, "SIPTrunk")).told()


def explain(error: ValidationError) -> str:
    """Write a model's mistakes in one line: where, and what is wrong."""
    details = error.errors(include_url=False, include_input=False)
    told = [f"{dotted(detail['loc'])}: {detail['msg'].removeprefix('Value error, ')}" for detail in details[:5]]
    return "; ".join(told) + (f"; and {len(details) - 5} more" if len(details) > 5 else "")


def revision(agent: VoiceAgent, policy: VoicePolicy | None) -> Revision:
    """Return the revision of an agent under its policy; InvalidObjectError when no call could be answered with it."""
    policies = {policy.metadata.name} if policy is not None else set()
    spec = agent.spec.model_dump(by_alias=True)
    mistakes = [f"{dotted(path)}: {what}" for path, what in cross_checks(spec, policies)]
    if mistakes:
        raise InvalidObjectError("; ".join(mistakes[:5]))
    text = bundle_text(agent, policy)
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise InvalidObjectError(
            f"the agent with its policy takes {size} bytes, more than {MAX_TEXT_BYTES}: split it into several agents",
            reason="TooLarge",
        )
    bundle = Bundle(agent, policy.spec if policy is not None else VoicePolicySpec())
    model = agent.spec.planner.model
    credential = model.credential_ref if model is not None else None
    return Revision(
        bundle.revision,
        bundle.policy_digest,
        text,
        credential.name if credential is not None else "",
        str(model.endpoint) if model is not None else "",
    )


def bundle_text(agent: VoiceAgent, policy: VoicePolicy | None) -> str:
    """Write what a call sees of the agent, and its policy, as documents that contract.load reads."""
    spec = agent.spec.model_copy(update={"placement": Placement(), "rollout": Rollout()})
    documents = [_document("VoiceAgent", agent.metadata.name, agent.metadata.namespace, _content(spec))]
    if policy is not None:
        documents.append(
            _document("VoicePolicy", policy.metadata.name, policy.metadata.namespace, _content(policy.spec))
        )
    texts = (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) for document in documents)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", "\n---\n".join(texts) + "\n")


def _content(spec: VoiceAgentSpec | Any) -> Any:
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def _document(kind: str, name: str, namespace: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def _identified(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    """Leave away what is not the user's: status, and the parts of metadata that the models do not know."""
    meta = raw["metadata"]
    return _document(kind, meta["name"], meta.get("namespace", "default"), raw.get("spec", {}))


def revision_of_text(name: str, text: str, policy_digest: str) -> Revision:
    """Return an older revision as it was rendered."""
    agent: dict[str, Any] = json.loads(text.partition("\n---\n")[0])
    model = agent["spec"].get("planner", {}).get("model") or {}
    credential = (model.get("credentialRef") or {}).get("name", "")
    return Revision(name, policy_digest, text, credential, str(model.get("endpoint", "")))


def policy_name(raw: dict[str, Any]) -> str:
    """Return the name of the policy that a stored agent refers to, which is needed before the agent can be judged."""
    reference = raw["spec"].get("policyRef")
    return str(reference.get("name", "")) if isinstance(reference, dict) else ""
