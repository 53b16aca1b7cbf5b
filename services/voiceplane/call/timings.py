"""When the stages of a turn were done and why it ended, for record, metrics and trace. Filled by call.talk."""

from dataclasses import dataclass, field

from voiceplane.turn.events import EndTurn
from voiceplane.turn.machine import TurnState


@dataclass(slots=True)
class TurnTimings:
    """When the stages of a turn were done, loop seconds."""

    spoken_since: float
    spoken_until: float
    ended_at: float
    marks: dict[str, float] = field(default_factory=dict)
    synthesis_ms: float = 0.0  # of the first phrase, from asking the voice to its first speech, also in a rehearsal

    def milliseconds(self, started_at: float) -> tuple[tuple[str, float], ...]:
        """Return each stage counted from the caller's last sound; synthesis, if there was one, from its beginning."""
        marks = {**self.marks, "endpointing": self.ended_at, "first_audio": started_at}
        found = [(name, round((at - self.spoken_until) * 1000, 1)) for name, at in marks.items()]
        return (*found, *((("synthesis", round(self.synthesis_ms, 1)),) if self.synthesis_ms else ()))


def turn_attributes(agent: str, call_id: str, index: int, policy_digest: str) -> dict[str, str | int]:
    """Say in the trace whose turn it is."""
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "gen_ai.conversation.id": call_id,
        "voice.turn.index": index,
        "voice.policy.digest": policy_digest,
    }


def why_ended(turn: EndTurn, state: TurnState) -> dict[str, str | float]:
    """Say in the trace what ended the turn: words and sound as the machine saw them."""
    reading = state.reading.value if state.reading is not None else "unread"
    probability = -1.0 if state.probability is None else round(state.probability, 3)
    return {"voice.turn.reason": turn.reason, "voice.turn.reading": reading, "voice.turn.probability": probability}
