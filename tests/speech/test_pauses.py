"""Each phrase has the pauses that its marks ask for, however its sound is cut into pieces."""

import importlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

pauses = importlib.import_module("voiceplane.speech.inside_triton.pauses")  # untyped: it runs inside Triton
Samples = npt.NDArray[np.float32]
RATE = 16_000
LEAST = 0.005
SOUND_S = 0.4
BLOCK = int(pauses.BLOCK_S * RATE)
SILENCES_S = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.6)
Words = list[list[str | float]]


def phrase(inner_s: float, tail_s: float) -> Samples:
    """Return two sounds with a pause in between and silence behind them."""
    tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(int(SOUND_S * RATE)) / RATE)
    silences = [np.zeros(int(s * RATE)) for s in (inner_s, tail_s)]
    return np.concatenate([tone, silences[0], tone, silences[1]]).astype(np.float32)


def spoken(said: Samples, text: str, piece: int, words: Words | None = None) -> tuple[Samples, Words, list[int]]:
    """Return what comes out, its words with times from the beginning, and how much had come out with each piece."""
    made = pauses.Pauses(RATE, 1.0, LEAST)
    cuts = [*range(0, len(said), piece), len(said)]
    parts = [made.push(said[a:b], (words or []) if a == 0 else []) for a, b in pairwise(cuts)] + [made.finish(text)]
    lengths = np.cumsum([len(samples) for samples, _ in parts]).tolist()
    return np.concatenate([samples for samples, _ in parts]), [w for _, found in parts for w in found], lengths


def silence_s(out: Samples) -> tuple[float, float]:
    """Return the silence inside and behind what came out."""
    loud = np.flatnonzero(np.abs(out) > LEAST)
    inner = int(np.diff(loud).max())
    return (inner if inner > BLOCK else 0) / RATE, (len(out) - 1 - int(loud[-1])) / RATE


@pytest.mark.parametrize("piece", [333, 4480, 100_000])
@pytest.mark.parametrize("tail_s", SILENCES_S)
@pytest.mark.parametrize(("text", "seconds"), [("It is late.", pauses.SENTENCE_S), ("Late,", pauses.CLAUSE_S)])
def test_a_phrase_is_followed_by_its_pause_and_no_other(text: str, seconds: float, tail_s: float, piece: int) -> None:
    out, _, _ = spoken(phrase(0.0, tail_s), text, piece)
    assert silence_s(out)[1] == pytest.approx(seconds, abs=2 * pauses.BLOCK_S)


@pytest.mark.parametrize("piece", [333, 4480, 100_000])
@pytest.mark.parametrize("inner_s", SILENCES_S)
def test_a_silence_inside_a_phrase_is_no_longer_than_a_commas(inner_s: float, piece: int) -> None:
    out, _, _ = spoken(phrase(inner_s, 0.3), "It is late.", piece)
    assert silence_s(out)[0] == pytest.approx(min(inner_s, pauses.CLAUSE_S), abs=2 * pauses.BLOCK_S)


def test_no_sample_of_a_sound_is_lost_nor_the_soft_beginning_before_it() -> None:
    said = phrase(0.5, 0.3)
    second = int((SOUND_S + 0.5) * RATE)
    said[second - 2 * BLOCK : second] = 0.003  # a consonant that counts as silence
    out, _, _ = spoken(said, "It is late.", 333)
    sound = int(SOUND_S * RATE)
    assert np.array_equal(out[:sound], said[:sound])
    after = int(np.flatnonzero(out[sound:] == np.float32(0.003))[0]) + sound
    assert np.array_equal(out[after : after + 2 * BLOCK + sound], said[second - 2 * BLOCK : second + sound])


@pytest.mark.parametrize("piece", [333, 4480, 100_000])
def test_words_stay_at_their_sounds(piece: int) -> None:
    words: Words = [["one", 0.0, 400.0], ["two", 400.0, 1100.0], ["three", 1100.0, 1300.0]]
    out, found, lengths = spoken(phrase(0.5, 0.3), "one two three", piece, words)
    left_out = 500 - pauses.CLAUSE_S * 1000
    expected = [("one", 0.0, 400.0), ("two", 400.0, 1100.0 - left_out), ("three", 1100.0 - left_out, 1300.0 - left_out)]
    assert [word[0] for word in found] == ["one", "two", "three"]
    for word, (_, start, end) in zip(found, expected, strict=True):
        assert word[1:] == pytest.approx([start, end], abs=1000 * pauses.BLOCK_S)
    assert lengths[-1] == len(out)


def test_no_sound_waits_for_what_follows_it() -> None:
    _, _, lengths = spoken(phrase(0.0, 0.0), "Late,", int(SOUND_S * RATE))
    assert lengths[0] == int(SOUND_S * RATE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("It is late.", pauses.SENTENCE_S),
        ('She said "now."', pauses.SENTENCE_S),
        ("Is it?", pauses.SENTENCE_S),
        ("One moment", pauses.SENTENCE_S),
        ("a parcel within the city costs five dollars,", pauses.CLAUSE_S),
        ('"so far," ', pauses.CLAUSE_S),
    ],
)
def test_a_comma_is_a_shorter_pause_than_an_end(text: str, seconds: float) -> None:
    assert pauses.pause_s(text) == seconds
