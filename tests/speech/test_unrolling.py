"""A convolutional network run piece by piece gives what it gives for the whole."""

import importlib

import numpy as np
import numpy.typing as npt
import pytest

unrolling = importlib.import_module("voiceplane.speech.inside_triton.unrolling")  # untyped: it runs inside Triton
Frames = npt.NDArray[np.float64]
REACH = 4  # frames to each side that a frame of Sums depends on


class Sums:
    """A network whose every frame is a weighted sum of those around it; it remembers what it was run over."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def __call__(self, window: Frames) -> Frames:
        self.lengths.append(window.shape[2])
        weights = np.arange(1.0, 2 * REACH + 2)
        return np.stack([np.convolve(row, weights)[REACH:-REACH] for row in window[0]])[None]  # zeros lie outside


def source(frames: int) -> Frames:
    return np.random.default_rng(3).normal(size=(1, 2, frames))


@pytest.mark.parametrize("frames", [1, 5, 39, 40, 41, 200])
@pytest.mark.parametrize("wanted", [(40, 200), (1, 2, 3, 200), (7, 90, 91, 200), (500,)])
def test_pieces_equal_the_whole(frames: int, wanted: tuple[int, ...]) -> None:
    draft = source(frames)
    whole = Sums()(draft)
    unrolled = unrolling.Unrolled(Sums(), draft, context=REACH, step=16)
    for last in wanted:
        found = unrolled.until(last)
        assert found.shape[2] >= min(last, frames)
        assert np.allclose(found, whole[:, :, : found.shape[2]])


def test_the_first_frames_do_not_wait_for_a_long_phrase() -> None:
    network = Sums()
    unrolled = unrolling.Unrolled(network, source(1000), context=REACH, step=16)
    assert unrolled.until(10).shape[2] == 10
    assert network.lengths == [10 + REACH]


def test_no_step_is_longer_than_asked_for_and_no_frame_is_made_twice() -> None:
    network = Sums()
    unrolled = unrolling.Unrolled(network, source(100), context=REACH, step=16)
    counts = [unrolled.until(last).shape[2] for last in range(1, 101)]
    assert max(network.lengths) <= 16 + 2 * REACH + 2 * REACH  # what is left behind the last step is made with it
    assert counts == sorted(counts) and counts[-1] == 100
    assert len(network.lengths) == 7  # one frame, then steps of 16 to the end
