"""A caller who is refused for lack of proof is asked for it, and what was wanted goes on. Read by steps. Pure.

Nothing here opens anything: the tool gateway judges each tool by what the call has proved (policy/gate.py).
"""

from dataclasses import dataclass, replace

from voiceplane.contract.agent import Intent, VoiceAgentSpec
from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import DialogueState, ToolOutcome, ToolResult
from voiceplane.contract.proofs import proofs
from voiceplane.planner import filling
from voiceplane.planner.phrases import NO_MATCH, PROVE

LACKING = "authentication"  # the gate's word for it


@dataclass(frozen=True, slots=True)
class Led:
    """What is said, and the proof that is then asked for."""

    words: str
    proof: Intent
    state: DialogueState


def led(spec: VoiceAgentSpec, state: DialogueState, intent: Intent, result: ToolResult) -> Led | None:
    """Return how the caller is led to prove who he is after a tool did not run, or after a proof that was none."""
    if intent.tool != result.tool:
        return None
    if result.outcome is ToolOutcome.REFUSED and result.reason == LACKING:
        proof = _proof(spec, intent)
        return None if proof is None else _asked(PROVE, state, proof, kept=intent, wanted=intent.name)
    if result.outcome is ToolOutcome.INVALID_RESULT and intent.slots and intent in proofs(spec):
        return _asked(NO_MATCH, state, intent, kept=None, wanted=state.wanted)
    return None


def goes_on(spec: VoiceAgentSpec, state: DialogueState, proof: Intent) -> Intent | None:
    """Return what was wanted before this proof succeeded."""
    return spec.intent(state.wanted) if state.wanted and proof in proofs(spec) else None


def proved(state: DialogueState, proof: Intent, wanted: Intent) -> DialogueState:
    """Return the state in which the wanted intent's tool runs."""
    done = (*(name for name in state.done_intents if name != proof.name), proof.name)
    return replace(state, intent=wanted.name, wanted="", unsure=0, done_intents=done)


def forgotten(spec: VoiceAgentSpec, state: DialogueState) -> DialogueState:
    """Drop what proved who calls once its tool has judged it, but for what other intents ask for as well."""
    proving = tuple(proofs(spec))
    kept = {
        slot.name
        for intent in spec.intents
        if intent not in proving or intent.name in (state.intent, state.wanted)
        for slot in intent.slots
    }
    lost = [slot for proof in proving for slot in proof.slots if slot.name not in kept]
    known = filling.without(dict(state.slots), *lost) if lost else dict(state.slots)
    return replace(state, slots=tuple(sorted(known.items())))


def _proof(spec: VoiceAgentSpec, intent: Intent) -> Intent | None:
    """Return the first intent that anybody may try and whose success is enough for this one's tool."""
    needed = spec.tool(intent.tool).requires if intent.tool else Authentication.NONE
    for proof in proofs(spec):
        tool = spec.tool(proof.tool or "")
        if tool.requires is Authentication.NONE and tool.grants.covers(needed):
            return proof
    return None


def _asked(words: str, state: DialogueState, proof: Intent, *, kept: Intent | None, wanted: str) -> Led:
    """Forget what was given for the proof before, but for what the wanted intent needs too."""
    shared = {slot.name for slot in kept.slots} if kept is not None else set[str]()
    known = filling.without(dict(state.slots), *(slot for slot in proof.slots if slot.name not in shared))
    following = replace(
        state, intent=proof.name, slots=tuple(sorted(known.items())), wanted=wanted, unsure=0, unheard=""
    )
    return Led(words, proof, following)
