"""Waits measured on synthetic tracks, where the truth is known to the sample."""

import numpy as np
import pytest

from voiceplane.contract.audio import Pcm
from voiceplane.testing.phone.audio import Samples, as_samples, level, resample
from voiceplane.testing.phone.recording import Track
from voiceplane.testing.phone.timings import first_sound_ms, stretches, turn_timings

RATE = 8000


def track(*spans: tuple[float, float], seconds: float = 10.0, noise: int = 0) -> Samples:
    samples = np.random.default_rng(7).integers(-noise, noise + 1, int(seconds * RATE)).astype(np.int16)
    for start, end in spans:
        first, last = round(start * RATE), round(end * RATE)
        wave = 6000 * np.sign(np.sin(2 * np.pi * 500 * np.arange(last - first) / RATE + 0.1))
        samples[first:last] = wave.astype(np.int16)
    return samples


def test_a_turn_lasts_from_the_callers_last_sound_to_the_agents_first() -> None:
    [timing] = turn_timings(track((1.0, 2.5)), track((2.843, 4.0)), RATE)
    assert timing.latency_ms == pytest.approx(343, abs=0.5)
    assert timing.caller_start_ms == pytest.approx(1000, abs=0.5)


def test_a_pause_for_thought_does_not_end_the_callers_turn() -> None:
    [timing] = turn_timings(track((1.0, 1.5), (2.5, 3.0)), track((3.4, 4.0)), RATE)
    assert timing.latency_ms == pytest.approx(400, abs=0.5)
    assert timing.caller_start_ms == pytest.approx(1000, abs=0.5)


def test_an_agent_that_cuts_in_has_a_negative_wait() -> None:
    [timing] = turn_timings(track((1.0, 3.0)), track((2.5, 4.0)), RATE)
    assert timing.latency_ms == pytest.approx(-500, abs=0.5)


def test_the_opening_and_an_unanswered_last_turn_give_no_timing() -> None:
    assert turn_timings(track((3.0, 4.0)), track((0.5, 2.0)), RATE) == ()


def test_several_turns_are_paired_in_order() -> None:
    timings = turn_timings(track((2.0, 3.0), (5.0, 6.0)), track((0.0, 1.0), (3.2, 4.0), (6.3, 7.0)), RATE)
    assert [round(timing.latency_ms) for timing in timings] == [200, 300]


def test_line_noise_and_clicks_are_not_speech() -> None:
    noisy = track((4.0, 5.0), noise=60)
    noisy[RATE : RATE + 40] = 20_000
    assert first_sound_ms(noisy, RATE) == pytest.approx(4000, abs=1.0)


def test_silence_has_no_speech() -> None:
    assert stretches(track(), RATE) == ()
    assert first_sound_ms(np.zeros(3, dtype=np.int16), RATE) is None


def test_packets_are_placed_by_timestamp_not_by_jitter() -> None:
    packets = Track(RATE, RATE)
    for count, jitter in enumerate((0.0, 0.004, 0.001, 0.009)):
        packets.place(np.full(160, count + 1, dtype=np.int16), 1000 + 160 * count, at=0.5 + 0.02 * count + jitter)
    samples = packets.samples()
    assert list(samples[4000:4640:160]) == [1, 2, 3, 4]
    assert packets.worst_jitter_ms == pytest.approx(9.0, abs=0.01)


def test_a_stall_of_the_sender_moves_what_follows() -> None:
    packets = Track(RATE, RATE)
    packets.place(np.ones(160, dtype=np.int16), 0xFFFFFFFF - 79, at=0.0)
    packets.place(np.ones(160, dtype=np.int16), 80, at=0.02)  # the timestamp wrapped
    packets.place(np.full(160, 2, dtype=np.int16), 240, at=1.0)  # a second of silence that its clock does not show
    samples = packets.samples()
    assert samples[319] == 1 and samples[320] == 0
    assert np.flatnonzero(samples == 2)[0] == RATE


@pytest.mark.parametrize(("source", "target"), [(22_050, 8000), (8000, 16_000), (16_000, 8000), (22_050, 16_000)])
def test_resampling_keeps_level_pitch_and_length(source: int, target: int) -> None:
    wave = (9000 * np.sin(2 * np.pi * 1000 * np.arange(source) / source)).astype("<i2")
    out = as_samples(resample(Pcm(wave.tobytes(), source), target))
    assert len(out) == pytest.approx(target, abs=2)
    middle = out[target // 4 : -target // 4].astype(float)
    assert level(out[target // 4 : -target // 4]) == pytest.approx(9000 / np.sqrt(2), rel=0.02)
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * target / len(middle) == pytest.approx(1000, abs=4)


def test_resampling_down_removes_what_would_alias() -> None:
    wave = (9000 * np.sin(2 * np.pi * 6500 * np.arange(22_050) / 22_050)).astype("<i2")
    assert level(as_samples(resample(Pcm(wave.tobytes(), 22_050), 8000))[200:-200]) < 90
