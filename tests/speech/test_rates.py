"""A stream's sample rate, changed piece by piece: as for the whole, the level kept, nothing folded back."""

import importlib

import numpy as np
import numpy.typing as npt
import pytest

rates = importlib.import_module("voiceplane.speech.inside_triton.rates")  # untyped: it runs inside Triton
Samples = npt.NDArray[np.float32]
VOICE = 22_050


def changed(samples: Samples, source: int, target: int, *, piece: int = 0) -> Samples:
    changer = rates.RateChanger(source, target)
    step = piece or len(samples)
    given = [changer.push(samples[first : first + step]) for first in range(0, len(samples), step)]
    return np.concatenate([*given, changer.finish()])


def tone(hz: float, rate: int, seconds: float = 0.5) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("piece", [1, 160, 441, 1000, 7000])
@pytest.mark.parametrize(("source", "target"), [(VOICE, 8000), (VOICE, 16_000), (VOICE, 48_000), (16_000, 8000)])
def test_pieces_give_what_the_whole_gives(source: int, target: int, piece: int) -> None:
    samples = np.random.default_rng(1).standard_normal(9_000).astype(np.float32)
    np.testing.assert_allclose(
        changed(samples, source, target, piece=piece), changed(samples, source, target), atol=1e-6
    )


@pytest.mark.parametrize("target", [8000, 16_000, 44_100])
def test_a_tone_of_the_band_is_the_same_tone_at_the_new_rate(target: int) -> None:
    heard, whole = changed(tone(1000, VOICE), VOICE, target), tone(1000, target)
    assert abs(len(heard) - len(whole)) <= 1
    inside = slice(target // 100, target * 45 // 100)  # its edges are cut off a tone that has none
    np.testing.assert_allclose(heard[inside], whole[inside], atol=0.005)


def test_what_the_new_rate_cannot_hold_is_not_folded_into_it() -> None:
    heard = changed(tone(5000, VOICE), VOICE, 8000)  # would be heard as 3 kHz
    assert np.abs(heard[200:-200]).max() < 0.003


def test_an_unchanged_rate_leaves_the_samples_alone() -> None:
    samples = tone(300, 16_000)
    assert np.array_equal(changed(samples, 16_000, 16_000, piece=500), samples)
