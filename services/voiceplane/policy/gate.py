"""May this tool run now? Pure: every rule must hold, the first that does not names the refusal."""

from dataclasses import dataclass

from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import ToolRequest
from voiceplane.contract.load import Bundle
from voiceplane.contract.tool import Tool


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed with the tool, or refused with a bounded reason."""

    reason: str
    tool: Tool | None = None

    @property
    def allowed(self) -> bool:
        """Say whether the tool may run."""
        return self.tool is not None


def decide(
    request: ToolRequest, bundle: Bundle | None, *, attempts_in_call: int, failed_proofs_in_call: int = 0
) -> Decision:
    """Judge a request against the agent's revision and its policy."""
    if bundle is None:
        return Decision("unknown-revision")
    spec = bundle.agent.spec
    intents = {intent.name: intent for intent in spec.intents}
    tools = {tool.name: tool for tool in spec.tools}
    intent, tool = intents.get(request.intent), tools.get(request.tool)
    if tool is None:
        return Decision("unknown-tool")
    if intent is None or intent.tool != tool.name:
        return Decision("not-for-this-intent")
    if not bundle.policy.tools.permits(tool.name):
        return Decision("policy")
    if request.authentication not in list(Authentication):
        return Decision("authentication")
    if not Authentication(request.authentication).covers(tool.requires):
        return Decision("authentication")
    if tool.caller_number and not request.caller_number:
        return Decision("no-caller-number")
    if attempts_in_call >= bundle.policy.tools.max_attempts_per_call:
        return Decision("too-many-attempts")
    proves = tool.grants is not Authentication.NONE
    if proves and failed_proofs_in_call >= bundle.policy.tools.max_failed_proofs_per_call:
        return Decision("too-many-failed-proofs")
    return Decision("allowed", tool)
