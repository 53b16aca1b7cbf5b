"""What each side said, and what of it may be told on: what proves who calls is for its tool alone. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.proofs import proofs
from voiceplane.planner import digits
from voiceplane.planner.aloud import for_the_ear
from voiceplane.planner.phrases import constant_phrases, phrases

HIDDEN = "[a proof of who calls]"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said before the floor changed; the agent's text is what the caller heard. Times: Unix ns."""

    index: int
    speaker: str  # caller | agent
    text: str
    started_ns: int
    ended_ns: int
    intent: str = ""
    timings_ms: tuple[tuple[str, float], ...] = ()
    proof: str = ""  # intent of the proof that was at hand when this was said, understood or not


class Discretion:
    """What of an agent's turns others may see: records, people, and the planner in its later requests."""

    def __init__(self, spec: VoiceAgentSpec) -> None:
        """Know what proves who calls, and what the agent says to everybody."""
        self._proofs = {intent.name: {slot.name for slot in intent.slots} for intent in proofs(spec)}
        self._constant = frozenset(constant_phrases(for_the_ear(spec))) if self._proofs else frozenset[str]()

    def texts(self, turns: Sequence[Turn], *, last: int | None = None, shown: Collection[str] = ()) -> Iterator[str]:
        """Return the texts of all or the `last` turns of a call; a proof whose slots may all be `shown` is none.

        What is said about a proof is hidden, but for the agent's constant sentences; elsewhere digits are, as a caller
        may give a PIN when nobody asks.
        """
        hiding = {name for name, slots in self._proofs.items() if not slots <= set(shown)}
        first = 0 if last is None else len(turns) - last
        about = False  # the agent answers what the caller said last
        for number, turn in enumerate(turns):
            if turn.speaker == "caller":
                about = bool({turn.intent, turn.proof} & hiding)
            if number >= first:
                yield self._text(turn, about=about) if hiding else turn.text

    def _text(self, turn: Turn, *, about: bool) -> str:
        if about and turn.text and (turn.speaker == "caller" or not set(phrases(turn.text)) <= self._constant):
            return HIDDEN
        return digits.hidden(turn.text)
