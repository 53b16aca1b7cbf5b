"""A recorded track is cut into pieces that a recognizer reads whole."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.testing.phone.audio import Samples
from voiceplane.testing.phone.pieces import pieces

RATE = 8000


def track(*parts: tuple[float, float]) -> Samples:
    """Return sounds of so many seconds, each followed by a pause of so many milliseconds."""
    made = []
    for seconds, pause_ms in parts:
        made += [np.full(int(seconds * RATE), 3000), np.zeros(int(pause_ms * RATE / 1000))]
    return np.concatenate(made).astype(np.int16)


def seconds(samples: Samples) -> list[tuple[float, float]]:
    return [(round(piece.start / RATE, 2), round(piece.end / RATE, 2)) for piece in pieces(samples, RATE)]


def test_a_pause_ends_a_piece() -> None:
    assert seconds(track((1, 400), (1, 400))) == [(0, 1.15), (1.25, 2.55)]


def test_sentences_said_in_one_breath_are_one_piece_until_it_is_long() -> None:
    assert seconds(track((2, 100), (2, 100))) == [(0, 4.2)]


def test_a_long_piece_is_cut_at_its_widest_pause() -> None:
    assert seconds(track((3, 100), (3, 200), (4, 100), (1, 300))) == [(0, 6.2), (6.2, 11.55)]


def test_a_sound_without_a_pause_is_cut_to_what_the_recognizer_hears_at_once() -> None:
    assert [end - start for start, end in seconds(track((60, 0)))] == [27, 27, 6]


def test_silence_has_no_pieces() -> None:
    assert pieces(np.zeros(RATE, np.int16), RATE) == ()


@given(st.lists(st.tuples(st.floats(0.05, 12), st.floats(0, 600)), max_size=12))
def test_no_sound_is_lost_and_none_is_in_two_pieces(parts: list[tuple[float, float]]) -> None:
    samples = track(*parts) if parts else np.zeros(0, np.int16)
    found = pieces(samples, RATE)
    assert all(left.end <= right.start for left, right in pairwise(found))
    assert sum(int(np.count_nonzero(samples[each.start : each.end])) for each in found) == np.count_nonzero(samples)
