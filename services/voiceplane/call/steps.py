"""What a reply asks for besides speech, and what its state says about the next turn. Pure; used by call.talk."""

from dataclasses import dataclass

from voiceplane.contract.agent import SlotType, VoiceAgentSpec
from voiceplane.contract.dialogue import DialogueState, HangUp, ToolCall, Transfer
from voiceplane.planner.filling import PARTIAL


@dataclass(slots=True)
class Steps:
    """What a reply asked for besides speech."""

    transfer: Transfer | None = None
    hang_up: HangUp | None = None
    intent: str = ""
    tool: ToolCall | None = None  # running


def digits_asked(spec: VoiceAgentSpec, state: DialogueState) -> int:
    """Return how many digits are still wanted; 0 when none were asked for."""
    intents = {intent.name: intent for intent in spec.intents}
    if not state.asking or state.intent not in intents:
        return 0
    slot = intents[state.intent].slot(state.asking)
    if slot.type is not SlotType.DIGITS or slot.length is None:
        return 0
    return max(1, slot.length - len(dict(state.slots).get(slot.name + PARTIAL, "")))
