"""The VoicePolicy: what may be done, what is hidden, what happens when something fails. Same bundle in every region."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from voiceplane.contract.base import ContractModel, DnsLabel, Identifier, ObjectMeta


class ToolRules(ContractModel):
    """Which tools may run at all; a VoiceAgent cannot widen this."""

    # None: every tool that the VoiceAgent defines
    allow: Annotated[tuple[DnsLabel, ...], Field(max_length=1000)] | None = None
    deny: Annotated[tuple[DnsLabel, ...], Field(max_length=1000)] = ()
    max_attempts_per_call: Annotated[int, Field(ge=1, le=1000)] = 50
    # Of tools that grant a level of authentication: a PIN must not be found by trying.
    max_failed_proofs_per_call: Annotated[int, Field(ge=1, le=100)] = 3

    def permits(self, tool: str) -> bool:
        """Say whether the policy lets this tool run."""
        return tool not in self.deny and (self.allow is None or tool in self.allow)


class Redaction(ContractModel):
    """Which tool arguments an audit record may show: all others are replaced by a mark with their length."""

    show_arguments: Annotated[tuple[Identifier, ...], Field(max_length=1000)] = ()
    keep_transcript: bool = True


class VoicePolicySpec(ContractModel):
    """The rules of one policy."""

    tools: ToolRules = ToolRules()
    redaction: Redaction = Redaction()


class VoicePolicy(ContractModel):
    """The custom resource."""

    api_version: Literal["voiceplane.dev/v1alpha1"]
    kind: Literal["VoicePolicy"]
    metadata: ObjectMeta
    spec: VoicePolicySpec = VoicePolicySpec()


def canonical_json(model: BaseModel) -> bytes:
    """Serialize a model so that equal content gives equal bytes: sorted keys, no white space, UTF-8."""
    content: Any = model.model_dump(mode="json", by_alias=True)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(model: BaseModel) -> str:
    """Return the content digest that names a revision or a policy bundle: sha256 in hex."""
    return hashlib.sha256(canonical_json(model)).hexdigest()
