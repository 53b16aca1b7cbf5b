"""Work done for nothing: what nobody heard or waited for. Told to the metrics, a turn's span and the call's."""

from enum import StrEnum

from voiceplane.runtime.metrics import CANCELLED_WORK


class Work(StrEnum):
    """A kind of work with its unit; a model's tokens are in its chat span."""

    PLANNER_MS = "planner_ms"
    CHARACTERS = "synthesized_characters"
    AUDIO_MS = "synthesized_audio_ms"
    TOOL_ATTEMPTS = "tool_attempts"
    DECODES = "decodes"


class Waste:
    """The cancelled work of one call, or of a part of it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._untold: dict[Work, float] = {}
        self._all: dict[Work, float] = {}

    def add(self, work: Work, amount: float) -> None:
        """Count what was cancelled."""
        if amount > 0:
            CANCELLED_WORK.labels(work.value).inc(amount)
            for amounts in (self._untold, self._all):
                amounts[work] = amounts.get(work, 0.0) + amount

    def told(self) -> dict[str, float]:
        """Return what came since the last time, as attributes of a turn's span."""
        amounts, self._untold = self._untold, {}
        return _attributes(amounts)

    def total(self, *others: "Waste") -> dict[str, float]:
        """Return all of it, and of others, as attributes of the call's span."""
        every = [each._all for each in (self, *others)]
        return _attributes({work: sum(amounts.get(work, 0.0) for amounts in every) for work in Work})


def _attributes(amounts: dict[Work, float]) -> dict[str, float]:
    return {f"voice.speculation.cancelled.{work.value}": round(amount, 1) for work, amount in amounts.items() if amount}
