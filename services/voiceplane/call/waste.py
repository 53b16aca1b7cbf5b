"""Work done for nothing: what speculative replies cost that were not used. Told to the metrics and a turn's span."""

from enum import StrEnum

from voiceplane.runtime.metrics import CANCELLED_WORK


class Work(StrEnum):
    """A kind of work with its unit; decodes are counted by call.hearing, a model's tokens in its chat span."""

    PLANNER_MS = "planner_ms"
    CHARACTERS = "synthesized_characters"
    AUDIO_MS = "synthesized_audio_ms"
    TOOL_ATTEMPTS = "tool_attempts"


class Waste:
    """The cancelled work of one call."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._amounts: dict[Work, float] = {}

    def add(self, work: Work, amount: float) -> None:
        """Count what was cancelled."""
        if amount > 0:
            CANCELLED_WORK.labels(work.value).inc(amount)
            self._amounts[work] = self._amounts.get(work, 0.0) + amount

    def told(self) -> dict[str, float]:
        """Return what came since the last time, as attributes of a span."""
        amounts, self._amounts = self._amounts, {}
        return {f"voice.speculation.cancelled.{work.value}": round(amount, 1) for work, amount in amounts.items()}
