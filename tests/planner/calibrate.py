"""Fit SURE and MARGIN of planner/intents.py on calibration.yaml and judge them on agents that took no part in it.

Run: PYTHONPATH=services python tests/planner/calibrate.py
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from voiceplane.planner.embed import Embedder
from voiceplane.planner.intents import MARGIN, SURE

DATA = Path(__file__).with_name("calibration.yaml")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence against one agent: best score, lead over the second intent, and whether the best is right."""

    score: float
    lead: float
    right: bool | None  # None: no intent is right


@dataclass(frozen=True, slots=True)
class Figures:
    """How a pair of thresholds does: shares of 0..1."""

    understood: float  # paraphrases that got the right intent
    mistaken: float  # paraphrases that got a wrong one
    far_accepted: float  # sentences about anything else that got an intent
    near_accepted: float  # sentences of the trade that got an intent


@dataclass(frozen=True, slots=True)
class Part:
    """The scored sentences of the fitting or the judging half."""

    said: tuple[Sentence, ...]
    near: tuple[Sentence, ...]
    far: tuple[Sentence, ...]

    def figures(self, sure: float, margin: float) -> Figures:
        """Count with these thresholds."""

        def taken(sentence: Sentence) -> bool:
            return sentence.score >= sure and sentence.lead >= margin

        return Figures(
            float(np.mean([taken(each) and each.right is True for each in self.said])),
            float(np.mean([taken(each) and each.right is False for each in self.said])),
            float(np.mean([taken(each) for each in self.far])),
            float(np.mean([taken(each) for each in self.near])),
        )


def scored(half: str, embedder: Embedder) -> Part:
    """Score one half of the file."""
    content = yaml.safe_load(DATA.read_text())
    said, near, far = [], [], []
    for agent in content[half].values():
        names = list(agent["intents"])
        examples = [embedder.embed(agent["intents"][name]["examples"]) for name in names]

        def score(text: str, examples: list = examples) -> tuple[int, float, float]:  # type: ignore[type-arg]
            vector = embedder.embed([text])[0]
            scores = [float((each @ vector).max()) for each in examples]
            first, second = sorted(scores, reverse=True)[:2]
            return scores.index(first), first, first - second

        for name, intent in agent["intents"].items():
            for text in intent["said"]:
                best, top, lead = score(text)
                said.append(Sentence(top, lead, names[best] == name))
        near += [Sentence(*score(text)[1:], None) for text in agent["near"]]
        far += [Sentence(*score(text)[1:], None) for text in content["far"][half]]
    return Part(tuple(said), tuple(near), tuple(far))


def fit(part: Part) -> tuple[float, float]:
    """Choose thresholds: a wrong action costs a caller four times what being asked again does."""
    grid = itertools.product(np.arange(0.25, 0.66, 0.01), (0.0, 0.01, 0.02, 0.03, 0.05, 0.08))

    def cost(pair: tuple[float, float]) -> float:
        found = part.figures(*pair)
        wrong = found.mistaken + found.far_accepted + 0.25 * found.near_accepted
        return (1 - found.understood) + 4 * wrong

    sure, margin = min(((float(s), m) for s, m in grid), key=cost)
    return round(sure, 2), margin


def main() -> None:
    """Print the fit and how it does."""
    embedder = Embedder()
    parts = {half: scored(half, embedder) for half in ("fit", "held")}
    print("fitted", fit(parts["fit"]), "in use", (SURE, MARGIN))
    for half, part in parts.items():
        print(half, len(part.said), len(part.near), len(part.far))
        for sure, margin in dict.fromkeys([(SURE, MARGIN), fit(parts["fit"]), (0.35, 0.01), (0.4, 0.02), (0.45, 0.02)]):
            print("  ", sure, margin, part.figures(sure, margin))


if __name__ == "__main__":
    main()
