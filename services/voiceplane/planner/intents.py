"""Which intent a sentence means, or "I am not sure". Cosine to the nearest example, with calibrated thresholds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceplane.contract.agent import VoiceAgentSpec

Vector = npt.NDArray[np.float32]
# Fitted on tests/planner/calibration.yaml: paraphrases lie above 0.47, sentences about anything else below 0.37.
SURE = 0.42
MARGIN = 0.01  # nearest two intents closer than this: ask instead of guessing

PERSON = "agent:person"
GOODBYE = "agent:goodbye"
REPEAT = "agent:repeat"
_BUILT_IN = {
    PERSON: re.compile(
        r"\b((speak|talk)(ing)? (to|with) (a|an|some|any)?\s*(real|live|human)?\s*"
        r"(person|human|agent|someone|somebody|people|representative|operator|colleague|advisor)"
        r"|(real|live) (person|human|agent)|human being|operator|representative|customer service"
        r"|(get|give|put) me (through )?(to )?(a|an|some)\s*(person|human|agent|one|body)|transfer me)\b",
        re.I,
    ),
    REPEAT: re.compile(
        r"\b(say (that|it) again|repeat (that|it|please)|can you repeat|could you repeat|what (did you say|was that)"
        r"|come again|pardon( me)?|once more|didn'?t (catch|hear|get) (that|you|it))\b|^\W*(what|sorry|pardon|repeat)\W*$",
        re.I,
    ),
    GOODBYE: re.compile(
        r"\b(good\s?bye|bye|that'?s (all|it|everything)|that is (all|it|everything)|nothing else|have a (nice|good)"
        r"|see you|i'?m done|hang up|no more questions|that will be all)\b",
        re.I,
    ),
}


class Embeds(Protocol):
    """Turns sentences into unit vectors, shape (n, width)."""

    def embed(self, sentences: Sequence[str]) -> Vector:
        """Embed."""
        ...


@dataclass(frozen=True, slots=True)
class Guess:
    """The nearest intent, how near (cosine), and whether that is sure."""

    intent: str
    score: float
    sure: bool


class Understanding:
    """The intents of one agent revision."""

    def __init__(self, spec: VoiceAgentSpec, embedder: Embeds) -> None:
        """Embed the examples once."""
        self._embedder = embedder
        self._names = [intent.name for intent in spec.intents]
        self._examples = [embedder.embed(intent.examples) for intent in spec.intents]

    def guess(self, text: str) -> Guess:
        """Find the nearest intent."""
        vector = self._embedder.embed([text])[0]
        scores = [float((examples @ vector).max()) for examples in self._examples]
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        best = order[0]
        margin = scores[best] - scores[order[1]] if len(order) > 1 else 1.0
        return Guess(self._names[best], scores[best], scores[best] >= SURE and margin >= MARGIN)


def built_in(text: str) -> str | None:
    """Return the request that every agent understands, if this is one: a person, goodbye, repeat."""
    return next((name for name, pattern in _BUILT_IN.items() if pattern.search(text)), None)
