"""What in an agent proves who calls: the tools that grant a level, and what the caller says for them. Pure."""

from collections.abc import Iterator

from voiceplane.contract.agent import Intent, VoiceAgentSpec
from voiceplane.contract.authentication import Authentication


def proofs(spec: VoiceAgentSpec) -> Iterator[Intent]:
    """Return the intents whose tool grants a level of authentication, in the agent's order."""
    granting = {tool.name for tool in spec.tools if tool.grants is not Authentication.NONE}
    return (intent for intent in spec.intents if intent.tool in granting)


def proof_slots(spec: VoiceAgentSpec) -> frozenset[str]:
    """Return the names of what a caller proves himself with: a PIN, a date of birth."""
    return frozenset(slot.name for intent in proofs(spec) for slot in intent.slots)
