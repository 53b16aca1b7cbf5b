"""A number that nobody asked for: dictated after a wish that was misheard, or instead of one. Read by flow. Pure."""

from dataclasses import dataclass

from voiceplane.contract.agent import Intent, Slot, SlotType, VoiceAgentSpec
from voiceplane.contract.proofs import proofs
from voiceplane.planner import corrections, digits

MAX_BESIDE = 4  # words: "yes, the number is"; more are a wish of their own, if one that nobody understood
MIN_DIGITS = 4  # fewer may count anything
DATE_DIGITS = range(4, 9)  # "5 12 85", "05 12 1985"


@dataclass(frozen=True, slots=True)
class Unasked:
    """A number of the right length for one slot, and the intents that have this slot."""

    slot: Slot
    value: str
    intents: tuple[Intent, ...]


def number(spec: VoiceAgentSpec, text: str) -> Unasked | None:
    """Read a number that fits one slot of this agent and could not be a proof of who calls; None for all others."""
    said = digits.runs(text)
    if not said or len(digits.without_numbers(text).split()) > MAX_BESIDE:
        return None
    if len(said) > 1 and corrections.MARKER.search(text) is None:
        return None  # several numbers: of what, nobody knows
    if any(_fits(slot, text) or _may_be_date(slot, said) for intent in proofs(spec) for slot in intent.slots):
        return None  # it may be a PIN, and goes nowhere but to its own tool
    fitting = [(intent, slot) for intent in spec.intents for slot in intent.slots if _fits(slot, text)]
    named = {(slot.name, slot.length) for _, slot in fitting}
    slot = fitting[0][1] if len(named) == 1 else None
    if slot is None or (slot.length or 0) < MIN_DIGITS:
        return None
    return Unasked(slot, corrections.said_digits(text, slot.length), tuple(intent for intent, _ in fitting))


def may_begin(spec: VoiceAgentSpec, intent: Intent, slot: Slot) -> bool:
    """Say whether an intent that nobody named may be taken up: it changes nothing, or asks before it does."""
    if intent.confirm is not None or slot.confirm:
        return True
    return intent.then == "listen" and (intent.tool is None or spec.tool(intent.tool).reads_only)


def _fits(slot: Slot, text: str) -> bool:
    value = corrections.said_digits(text, slot.length) if slot.type is SlotType.DIGITS else ""
    return bool(value) and slot.length in (None, len(value))


def _may_be_date(slot: Slot, said: list[str]) -> bool:
    return slot.type is SlotType.DATE and sum(map(len, said)) in DATE_DIGITS
