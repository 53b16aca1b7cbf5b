import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.contract.audio import WordTime
from voiceplane.media.ledger import WORD_SLACK_MS
from voiceplane.media.playout import OutFrame, Playout

RATE, FRAME = 8000, 160
WAVE = (9000 * np.sin(np.arange(2 * RATE) / 9)).astype("<i2")  # steepest step: 1000
WORDS = tuple(WordTime(f"w{i}", i * 100.0, i * 100.0 + 100) for i in range(20))
WORDS_END = (WORDS[-1].end_ms - WORD_SLACK_MS) * RATE / 1000


def sent(playout: Playout, frames: int) -> list[OutFrame]:
    out: list[OutFrame] = []
    for _ in range(frames):
        frame = playout.next_frame(pause=False)
        assert frame is not None
        playout.confirm(frame, sequence=len(out), tick=len(out))
        out.append(frame)
    return out


def audio(frames: list[OutFrame]) -> np.ndarray:
    return np.concatenate([np.frombuffer(frame.pcm, "<i2").astype(int) for frame in frames])


def words_at(samples: int) -> list[str]:
    return [w.text for w in WORDS if (w.end_ms - WORD_SLACK_MS) * RATE / 1000 <= samples]


@settings(max_examples=200)
@given(st.lists(st.integers(1, 1200), min_size=1, max_size=40), st.integers(0, 110), st.integers(20, 40))
def test_the_ledger_is_exact_wherever_the_agent_is_cut(cuts: list[int], frames: int, fade_ms: int) -> None:
    playout, at = Playout(RATE, 6.0), 0
    for index, length in enumerate(cuts):
        playout.append(WAVE[at : at + length].tobytes(), WORDS if index == 0 else ())
        at = min(at + length, len(WAVE))
    sent(playout, frames)
    heard = min(frames * FRAME, at)
    assert playout.heard().samples == heard
    assert playout.heard().text.split() == words_at(heard)
    playout.clear(fade_ms)
    after = min(heard + fade_ms * RATE // 1000, at)
    sent(playout, 5)
    assert playout.heard().samples == after
    assert playout.heard().text.split() == words_at(after)
    assert playout.heard().complete == (heard == at and after >= WORDS_END)
    assert playout.pending == 0


@settings(max_examples=200)
@given(st.integers(0, 95), st.integers(20, 40))
def test_no_sample_step_of_a_fade_is_steeper_than_the_sound(frames: int, fade_ms: int) -> None:
    playout = Playout(RATE, 6.0)
    playout.append(WAVE.tobytes(), ())
    before = sent(playout, frames)
    playout.clear(fade_ms)
    assert np.abs(np.diff(audio([*before[-1:], *sent(playout, 5)]))).max() <= 1060


@given(st.integers(1, 900))
def test_audio_that_runs_dry_and_comes_again_does_not_click(length: int) -> None:
    playout = Playout(RATE, 0.0)
    playout.append(WAVE[:length].tobytes(), ())
    out = sent(playout, 8)
    playout.append(WAVE[100 : 100 + length].tobytes(), ())
    assert np.abs(np.diff(audio([*out, *sent(playout, 8)]))).max() <= 1500


@given(st.integers(0, 50), st.integers(0, 50))
def test_speech_queued_after_a_fade_is_counted_from_where_the_fade_ended(first: int, second: int) -> None:
    playout = Playout(RATE, 6.0)
    playout.append(WAVE.tobytes(), WORDS)
    sent(playout, first)
    playout.clear(30)
    sent(playout, 3)
    kept = playout.heard()
    playout.append(WAVE[:RATE].tobytes(), (WordTime("again", 0.0, 500.0),))
    sent(playout, second)
    again = second * FRAME >= (500 - WORD_SLACK_MS) * RATE / 1000
    assert playout.heard().text == (kept.text + (" again" if again else "")).strip()
    assert not playout.heard().complete


def test_a_packet_that_was_taken_but_not_sent_is_not_heard() -> None:
    playout = Playout(RATE, 6.0)
    playout.append(WAVE.tobytes(), ())
    frame = playout.next_frame(pause=False)
    assert frame is not None
    assert (playout.heard().samples, playout.pending) == (0, len(WAVE))
    playout.put_back(frame)
    assert (playout.heard().samples, playout.pending) == (0, len(WAVE))
    assert audio(sent(playout, 1))[40:].tolist() == WAVE[40:FRAME].tolist()


def test_a_packet_of_the_turn_before_is_not_in_the_new_turns_ledger() -> None:
    playout = Playout(RATE, 6.0)
    playout.append(WAVE.tobytes(), ())
    frame = playout.next_frame(pause=False)
    playout.begin()
    assert frame is not None
    playout.confirm(frame, sequence=0, tick=0)
    assert playout.heard().samples == playout.pending == 0


def test_hold_and_keys_keep_the_place() -> None:
    playout = Playout(RATE, 6.0)
    playout.append(WAVE.tobytes(), WORDS)
    playout.hold(True)
    assert playout.next_frame(pause=False) is None
    playout.hold(False)
    pause = playout.next_frame(pause=True)
    assert pause is not None and pause.samples == 0 and playout.pending == len(WAVE)


def test_silence_is_low_noise_or_dead_air_as_the_setting_says() -> None:
    noise, dead = audio(sent(Playout(RATE, 6.0), 100)), audio(sent(Playout(RATE, 0.0), 100))
    assert 3 < noise.std() < 8 and np.abs(noise).max() < 40
    assert not dead.any()


def test_a_codec_change_keeps_the_words_and_the_sound() -> None:
    playout = Playout(RATE, 0.0)
    playout.append(WAVE.tobytes(), WORDS)
    sent(playout, 33)
    before = playout.heard()
    playout.change_rate(16_000)
    assert playout.heard().text == before.text and playout.heard().samples == 2 * before.samples
    rest = audio(sent(playout, 67))
    assert playout.pending == 0 and playout.heard().complete
    assert abs(rest[:-400].std() - WAVE.std()) < 0.03 * WAVE.std()
