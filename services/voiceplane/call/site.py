"""What all calls of a gateway share: its clients, voices, policy and settings. Made once in call.gateway."""

from dataclasses import dataclass, field

from voiceplane.call.hub import CallHub
from voiceplane.call.patience import Patience
from voiceplane.call.ports import PlannerPort, ToolsPort
from voiceplane.contract.agent import SlotType
from voiceplane.contract.load import Bundle
from voiceplane.media.server import MediaServer
from voiceplane.records.client import RecordsClient
from voiceplane.runtime.clock import Clock
from voiceplane.speech.cache import PhraseCache
from voiceplane.speech.ports import LargerRecognizer, Recognizer, TurnJudge
from voiceplane.speech.prompts import said_before
from voiceplane.speech.vad import SileroModel
from voiceplane.turn.parameters import TurnParameters


@dataclass(frozen=True, slots=True)
class Site:
    """The composition: everything a call needs besides itself."""

    bundle: Bundle
    clock: Clock
    media: MediaServer
    recognizer: Recognizer
    judge: TurnJudge
    voices: dict[int, PhraseCache]  # by sample rate: 8000 and 16000
    vad: SileroModel
    planner: PlannerPort
    tools: ToolsPort
    records: RecordsClient
    hub: CallHub
    patience: Patience = field(default_factory=Patience)
    second: LargerRecognizer | None = None  # a larger recognizer, where the speech profile has one
    longest_hold_s: float = 600.0  # a caller who keeps us on hold for longer does not come back

    @property
    def agent(self) -> str:
        """Return the agent as namespace/name."""
        return self.bundle.agent_name

    @property
    def longest_number(self) -> int:
        """Return how many digits the longest number has that this agent asks for; 0: it asks for none."""
        slots = (slot for intent in self.bundle.agent.spec.intents for slot in intent.slots)
        return max((slot.length or 0 for slot in slots if slot.type is SlotType.DIGITS), default=0)

    def said_before(self, *, digits: bool) -> str:
        """Return what tells the recognizer which words to expect: of the agent, or digits that it has asked for."""
        return said_before(self.bundle.agent.spec.hints, digits=digits)

    def turn_parameters(self) -> TurnParameters:
        """Return the turn machine's parameters for this agent."""
        silence = self.bundle.agent.spec.silence
        return TurnParameters(ask_after_s=silence.ask_after, asks=silence.asks)
