"""Sentences: their embeddings against published values, when the planner is sure, and how replies are cut."""

import numpy as np
import pytest
from tests.planner import calibrate

from voiceplane.contract.load import Bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.intents import CANCEL, GOODBYE, GREETING, MARGIN, PERSON, REPEAT, SURE, THANKS, built_in
from voiceplane.planner.phrases import constant_phrases, phrases


@pytest.mark.parametrize(
    ("one", "other", "cosine"),
    [  # published with all-MiniLM-L6-v2: the model's page, and the first example of the Sentence Transformers manual
        ("That is a happy person", "That is a happy dog", 0.6946),
        ("That is a happy person", "That is a very happy person", 0.9429),
        ("That is a happy person", "Today is a sunny day", 0.2569),
        ("The weather is lovely today.", "It's so sunny outside!", 0.6660),
        ("The weather is lovely today.", "He drove to the stadium.", 0.1046),
        ("It's so sunny outside!", "He drove to the stadium.", 0.1411),
    ],
)
def test_embeddings_are_those_of_the_published_model(one: str, other: str, cosine: float, embedder: Embedder) -> None:
    first, second = embedder.embed([one, other])
    assert float(first @ second) == pytest.approx(cosine, abs=2e-4)


def test_embeddings_are_unit_vectors_for_any_text(embedder: Embedder) -> None:
    vectors = embedder.embed(["", "a", "word " * 1000, "\u0000 é 漢字 🙂"])
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.fixture(scope="module")
def parts(embedder: Embedder) -> dict[str, calibrate.Part]:
    return {half: calibrate.scored(half, embedder) for half in ("fit", "held")}


def test_the_thresholds_in_use_are_the_fitted_ones(parts: dict[str, calibrate.Part]) -> None:
    assert calibrate.fit(parts["fit"]) == (SURE, MARGIN)


def test_agents_that_took_no_part_are_understood_and_rarely_mistaken(parts: dict[str, calibrate.Part]) -> None:
    figures = parts["held"].figures(SURE, MARGIN)
    assert figures.understood >= 0.75
    assert figures.mistaken <= 0.05
    assert figures.far_accepted <= 0.02


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("can I speak to a person", PERSON), ("agent", PERSON), ("Representative please.", PERSON),
        ("get me a human", PERSON), ("Stop, please. I want a person.", PERSON), ("I'd like a human, please", PERSON),
        ("Can I have an operator?", PERSON), ("I need a real person now, please.", PERSON),
        ("I need a person to sign for it", None), ("I don't want a person.", None),
        ("I want to talk to someone", PERSON), ("transfer me to an operator", PERSON),
        ("I need customer service", PERSON),
        ("what did you say", REPEAT), ("could you repeat that please", REPEAT), ("sorry?", REPEAT), ("pardon", REPEAT),
        ("I didn't catch that", REPEAT), ("say that again", REPEAT), ("bye", GOODBYE), ("no that's all", GOODBYE),
        ("Goodbye!", GOODBYE),
        ("nothing else", GOODBYE), ("thank you, bye", GOODBYE), ("thanks", THANKS),
        ("okay great thank you very much", THANKS),
        ("hello", GREETING), ("hi there", GREETING), ("good morning", GREETING), ("never mind", CANCEL),
        ("forget it", CANCEL),
        ("hello where is my parcel", None), ("I want to transfer money", None), ("thanks but where is it", None),
        ("cancel my appointment", None), ("is the shop open", None), ("I want to talk about my bill", None),
    ],
)  # fmt: skip
def test_what_every_agent_understands_is_told_from_wishes(text: str, wish: str | None) -> None:
    assert built_in(text) == wish


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Ask Mr. Smith at No. 5 Main St. today. Goodbye.", ["Ask Mr. Smith at No. 5 Main St. today.", "Goodbye."]),
        ("Come at 5 p.m. on Friday. Bye.", ["Come at 5 p.m. on Friday.", "Bye."]),
        ("It closes at 5 p.m. Please hurry.", ["It closes at 5 p.m.", "Please hurry."]),
        ("It costs 3.50 dollars.", ["It costs 3.50 dollars."]),
        ("", []),
        ("   \n", []),
    ],
)  # fmt: skip
def test_a_reply_is_cut_where_a_sentence_ends(text: str, cut: list[str]) -> None:
    assert phrases(text) == cut


def test_a_long_sentence_is_cut_at_a_comma_so_that_it_can_begin() -> None:
    text = "First this is said about the parcel and the driver, " * 6 + "and so it ends."
    cut = phrases(text)
    assert len(cut) > 1
    assert max(map(len, cut)) <= 161


def test_constant_phrases_are_those_that_no_caller_changes(bundle: Bundle) -> None:
    constant = constant_phrases(bundle.agent.spec)
    assert "What is the six digit parcel number?" in constant
    assert (
        "Our parcel shops are open from eight in the morning until eight in the evening, Monday to Saturday."
        in constant
    )
    assert "Done." in constant
    assert "How can I help you?" in constant
    assert not any("{" in phrase for phrase in constant)
    assert len(set(constant)) == len(constant)
