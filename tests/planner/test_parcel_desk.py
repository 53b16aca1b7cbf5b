"""How the example agent understands its callers: sentences that no threshold was fitted on, and wishes with numbers."""

from pathlib import Path

import pytest
import yaml

from voiceplane.contract.load import Bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.intents import Guess, Understanding

SENTENCES = yaml.safe_load(Path(__file__).with_name("parcel_desk.yaml").read_text())
SAID = [(text, intent) for intent, texts in SENTENCES["said"].items() for text in texts]


@pytest.fixture(scope="module")
def understanding(bundle: Bundle, embedder: Embedder) -> Understanding:
    return Understanding(bundle.agent.spec, embedder)


@pytest.fixture(scope="module")
def guesses(understanding: Understanding) -> dict[str, Guess]:
    return {text: understanding.guess(text) for text in [text for text, _ in SAID] + SENTENCES["far"]}


def test_the_sentences_are_many_and_none_is_an_example_of_the_agent(bundle: Bundle) -> None:
    examples = {text.lower() for intent in bundle.agent.spec.intents for text in intent.examples}
    every = [text.lower() for text, _ in SAID] + [text.lower() for text in SENTENCES["far"]]
    assert set(SENTENCES["said"]) == {intent.name for intent in bundle.agent.spec.intents}
    assert min(map(len, SENTENCES["said"].values())) >= 40
    assert len(SENTENCES["far"]) >= 40
    assert len(set(every)) == len(every)
    assert not examples & set(every)


def test_callers_are_understood_at_the_threshold_in_use(guesses: dict[str, Guess]) -> None:
    """The goal is 95 % and not met: 111 of 120 (92.5 %) were measured, and this floor keeps that from getting worse."""
    missed = [text for text, intent in SAID if not (guesses[text].sure and guesses[text].intent == intent)]
    assert len(missed) <= 9, missed


def test_a_wrong_intent_is_rarely_taken(guesses: dict[str, Guess]) -> None:
    """Measured: 7 of 120 (5.8 %), six of them between tracking and changing the day, which share most words."""
    mistaken = [text for text, intent in SAID if guesses[text].sure and guesses[text].intent != intent]
    assert len(mistaken) <= 7, mistaken


def test_what_is_about_anything_else_is_rarely_accepted(guesses: dict[str, Guess]) -> None:
    accepted = [text for text in SENTENCES["far"] if guesses[text].sure]
    assert len(accepted) <= 0.05 * len(SENTENCES["far"]), accepted
