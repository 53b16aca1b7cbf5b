"""What the benchmark's ear hears, on tracks whose sounds are known."""

import numpy as np
import pytest

from voiceplane.testing.bench.caller import Act, Deed, placed
from voiceplane.testing.bench.line import lateness_ms
from voiceplane.testing.bench.sound import first_after, silence_within, silent_from, sounds
from voiceplane.testing.phone.audio import Samples

RATE = 8000


def track(*tones: tuple[float, float], seconds: float = 4.0, fade_ms: float = 0.0, noise: float = 6.0) -> Samples:
    """Comfort noise of `noise` units RMS with tones of 3000 units RMS from..to seconds."""
    random = np.random.default_rng(7)
    made = random.normal(0.0, noise, int(seconds * RATE))
    for start, end in tones:
        first, last = round(start * RATE), round(end * RATE)
        tone = 3000 * np.sqrt(2) * np.cos(2 * np.pi * 400 * np.arange(last - first) / RATE)
        ramp = int(fade_ms * RATE / 1000)
        if ramp:
            tone[-ramp:] *= np.linspace(1.0, 0.0, ramp)
        made[first:last] += tone
    return np.rint(made).astype(np.int16)


def test_comfort_noise_alone_is_no_sound() -> None:
    assert sounds(track(), RATE) == ()


@pytest.mark.parametrize("start", [1.0, 1.0031, 1.0077])
@pytest.mark.parametrize("end", [2.0, 2.0043, 2.0099])
def test_sharp_edges_in_comfort_noise_are_found_within_a_millisecond(start: float, end: float) -> None:
    (found,) = sounds(track((start, end)), RATE)
    assert found.start_ms == pytest.approx(1000 * start, abs=1.0)
    assert found.end_ms == pytest.approx(1000 * end, abs=1.0)


def test_a_fade_counts_as_sound_until_it_is_near_the_gate() -> None:
    # 40 ms down from 3000 RMS: the last 1 ms lies below the edge, and a window of 10 ms may hide more.
    (found,) = sounds(track((1.0, 2.0), fade_ms=40.0), RATE)
    assert 2000 - 12 < found.end_ms <= 2000


def test_silence_begins_where_a_long_pause_begins() -> None:
    found = sounds(track((0.5, 1.0), (1.2, 1.8), (2.5, 3.0)), RATE)
    assert silent_from(found, 600) == pytest.approx(1800, abs=1.0)  # not at 1000: that pause is 200 ms
    assert silent_from(found, 2100) is None  # nothing sounds then
    assert silent_from(found, 2600) == pytest.approx(3000, abs=1.0)
    assert silent_from(found, 1100) == pytest.approx(1800, abs=1.0)  # in that pause the agent still speaks
    assert first_after(found, 1100) == pytest.approx(1200, abs=1.0)
    assert silence_within(found, 900, 2000) == pytest.approx(700, abs=2.0)
    assert silence_within(found, 900, 1100) == pytest.approx(200, abs=2.0)


def test_an_act_is_placed_where_its_sound_is_not_where_the_script_was() -> None:
    act = Act("question", "when?", np.zeros(0, dtype=np.int16))
    found = placed(Deed(act, 970.0, 1543.0), track((1.0, 1.5)))
    assert found.start_ms == pytest.approx(1000, abs=1.0)
    assert found.end_ms == pytest.approx(1500, abs=1.0)


def test_a_deed_without_sound_stays_where_the_clock_put_it() -> None:
    act = Act("listen", "", np.zeros(0, dtype=np.int16))
    assert placed(Deed(act, 970.0, 971.0), track()) == Deed(act, 970.0, 971.0)


def test_lateness_counts_from_the_schedule_that_no_packet_beats() -> None:
    on_time = [(160 * n, 1.0 + 0.02 * n) for n in range(50)]
    assert max(lateness_ms(on_time, 8000)) == pytest.approx(0.0, abs=0.01)
    late = [(stamp, at + (0.03 if stamp == 160 * 20 else 0.0)) for stamp, at in on_time]
    assert sum(each > 20 for each in lateness_ms(late, 8000)) == 1


def test_a_new_talkspurt_is_not_late_because_the_sender_was_silent() -> None:
    first = [(160 * n, 0.02 * n) for n in range(10)]
    second = [(80_000 + 160 * n, 5.0 + 0.02 * n) for n in range(10)]
    assert max(lateness_ms(first + second, 8000)) == pytest.approx(0.0, abs=0.01)


def test_timestamps_wrap() -> None:
    wrapping = [((2**32 - 800 + 160 * n) % 2**32, 0.02 * n) for n in range(10)]
    assert max(lateness_ms(wrapping, 8000)) == pytest.approx(0.0, abs=0.01)
