"""What a reply asks for besides speech, and what its state says about the next turn. Pure; used by call.talk."""

from dataclasses import dataclass

from voiceplane.contract.agent import SlotType, VoiceAgentSpec
from voiceplane.contract.dialogue import DialogueState, HangUp, ToolCall, Transfer
from voiceplane.planner.filling import PARTIAL
from voiceplane.turn.reading import NO_DIGITS, AskedDigits


@dataclass(slots=True)
class Steps:
    """What a reply asked for besides speech."""

    transfer: Transfer | None = None
    hang_up: HangUp | None = None
    intent: str = ""
    tool: ToolCall | None = None  # running


def digits_asked(spec: VoiceAgentSpec, state: DialogueState) -> AskedDigits:
    """Return how many digits are still wanted, and those that were said before."""
    intents = {intent.name: intent for intent in spec.intents}
    if not state.asking or state.intent not in intents:
        return NO_DIGITS
    slot = intents[state.intent].slot(state.asking)
    if slot.type is not SlotType.DIGITS or slot.length is None:
        return NO_DIGITS
    known = dict(state.slots).get(slot.name + PARTIAL, "")
    return AskedDigits(max(1, slot.length - len(known)), known)
