"""When the stages of a turn were done, for the record and the metrics. Filled by call.talk."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class TurnTimings:
    """When the stages of a turn were done, loop seconds."""

    spoken_until: float
    ended_at: float
    marks: dict[str, float] = field(default_factory=dict)
    synthesis_ms: float = 0.0  # of the first phrase, from asking the voice to its first speech, also in a rehearsal

    def milliseconds(self, started_at: float) -> tuple[tuple[str, float], ...]:
        """Return each stage counted from the caller's last sound; synthesis, if there was one, from its beginning."""
        marks = {**self.marks, "endpointing": self.ended_at, "first_audio": started_at}
        found = [(name, round((at - self.spoken_until) * 1000, 1)) for name, at in marks.items()]
        return (*found, *((("synthesis", round(self.synthesis_ms, 1)),) if self.synthesis_ms else ()))
