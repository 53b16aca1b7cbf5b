"""When the stages of a turn were done, for the record and the metrics. Filled by call.talk."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class TurnTimings:
    """When the stages of a turn were done, loop seconds."""

    spoken_until: float
    ended_at: float
    marks: dict[str, float] = field(default_factory=dict)

    def milliseconds(self, started_at: float) -> tuple[tuple[str, float], ...]:
        """Return each stage counted from the caller's last sound."""
        marks = {**self.marks, "endpointing": self.ended_at, "first_audio": started_at}
        return tuple((name, round((at - self.spoken_until) * 1000, 1)) for name, at in marks.items())
