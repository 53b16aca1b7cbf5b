"""The barge-in path of playout: fade out, keep the rest, go on at a word. Any order, at any sample."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceplane.contract.audio import WordTime
from voiceplane.media.ledger import WORD_SLACK_MS
from voiceplane.media.playout import RISE_MS, Playout

RATE, FRAME, FADE_MS = 8000, 160, 30
WAVE = (9000 * np.sin(np.arange(20 * RATE) / 9)).astype("<i2")  # steepest step: 1000
STEEPEST = 1600  # 1000 of the sound, 9000 / 32 of its end over 4 ms, and the same of a beginning
WORD = RATE // 5  # samples a word with its pause
VOICED = WORD * 4 // 5  # of them without it
HEARD = VOICED - WORD_SLACK_MS * RATE // 1000
RISE = RISE_MS * RATE // 1000


@dataclass
class Line:
    """A playout with everything that left."""

    playout: Playout = field(default_factory=lambda: Playout(RATE, 0.0))
    sound: list[np.ndarray] = field(default_factory=list)
    said: int = 0  # samples of the wave that were queued
    packets: int = 0

    def tick(self) -> int:
        frame = self.playout.next_frame(pause=False)
        assert frame is not None
        self.playout.confirm(frame, sequence=self.packets, tick=self.packets)
        self.packets += 1
        self.sound.append(np.frombuffer(frame.pcm, "<i2").astype(int))
        return frame.samples

    def say(self, samples: int) -> None:
        """Queue the next of the wave; a word starts each WORD and lasts 160 of its 200 ms."""
        starts = range(-(-self.said // WORD) * WORD, self.said + samples, WORD)
        words = tuple(
            WordTime(f"w{start // WORD}", (start - self.said) / 8, (start - self.said) / 8 + 160) for start in starts
        )
        self.playout.append(WAVE[self.said : self.said + samples].tobytes(), words)
        self.said += samples

    @property
    def steepest(self) -> int:
        return int(np.abs(np.diff(np.concatenate([np.zeros(1, dtype=int), *self.sound]))).max(initial=0))


STEP = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 3000)),
    st.tuples(st.just("tick"), st.integers(1, 25)),
    st.tuples(st.sampled_from(["suspend", "resume", "clear"]), st.just(0)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_whatever_happens_nothing_clicks_and_no_more_is_heard_than_was_sent(steps: list[tuple[str, int]]) -> None:
    line, sent, before = Line(), 0, ""
    for name, amount in steps:
        match name:
            case "say":
                line.say(amount)
            case "tick":
                sent += sum(line.tick() for _ in range(amount))
            case "suspend":
                line.playout.suspend(FADE_MS)
            case "resume":
                line.playout.resume()
                sent += WORD_SLACK_MS * RATE // 1000  # the end of a word that was heard may be passed over
            case "clear":
                line.playout.clear(FADE_MS)
        heard = line.playout.heard()
        words = heard.text.split()
        assert heard.samples <= min(sent, line.said)
        assert len(set(words)) == len(words)  # nothing that was played twice counts twice
        assert heard.text.startswith(before)  # and what was heard stays heard
        before = heard.text
    assert line.steepest <= STEEPEST
    line.playout.resume()
    for _ in range(40 * 50):
        if not line.playout.pending:
            break
        line.tick()
    assert line.playout.pending == 0 and line.steepest <= STEEPEST


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 97), st.integers(2, 12), st.integers(0, WORD))
def test_after_a_false_interruption_the_sound_goes_on_at_the_beginning_of_the_first_word_that_was_not_heard(
    before: int, silent: int, first: int
) -> None:
    line = Line(said=first)
    line.say(2 * RATE - first)
    for _ in range(before):
        line.tick()
    sent = min(before * FRAME, 2 * RATE - first)
    line.playout.suspend(FADE_MS)
    for _ in range(silent):
        line.tick()
    line.playout.resume()
    line.tick()
    cut = min(first + sent + FADE_MS * RATE // 1000, 2 * RATE)
    word = cut // WORD * WORD
    went_on_at = max(word, first) if cut - word < HEARD and word >= first else max(cut, word + VOICED)
    if word < first:
        went_on_at = cut  # before the first word there is nothing to go back to
    elif word == 9 * WORD and cut - word >= HEARD:
        went_on_at = word + VOICED  # after the last word: perhaps the next is still being synthesized
    expected = WAVE[went_on_at + RISE : min(went_on_at + FRAME, 2 * RATE)]
    assert _same(expected, line.sound[-1][RISE : RISE + len(expected)])
    while line.playout.pending:
        line.tick()
    heard = line.playout.heard()
    assert heard.text.split() == [f"w{index}" for index in range(-(-first // WORD), 10)] and heard.complete
    assert heard.samples == 2 * RATE - first


def _same(expected: np.ndarray, sound: np.ndarray) -> bool:
    return len(expected) == len(sound) and int(np.abs(expected.astype(int) - sound).max(initial=0)) <= 2


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_a_resume_lets_the_fade_finish(frames: int) -> None:
    line = Line()
    line.say(2 * RATE)
    for _ in range(30):
        line.tick()
    line.playout.suspend(FADE_MS)
    for _ in range(frames):
        line.tick()
    line.playout.resume()
    for _ in range(10):
        line.tick()
    assert line.steepest <= STEEPEST


def test_what_is_said_after_an_interruption_in_a_repeated_word_is_heard_only_when_it_left() -> None:
    line = Line()
    line.say(RATE)
    for _ in range(22):
        line.tick()
    line.playout.suspend(FADE_MS)
    line.tick()
    line.tick()
    line.playout.resume()
    line.tick()
    line.playout.clear(FADE_MS)
    line.tick()
    line.tick()
    line.playout.append(WAVE[:800].tobytes(), (WordTime("new", 0.0, 100.0),))
    assert "new" not in line.playout.heard().text
    for _ in range(6):
        line.tick()
    assert line.playout.heard().text.split() == ["w0", "w1", "new"]


def test_a_codec_change_while_the_caller_makes_a_sound_does_not_let_the_agent_speak() -> None:
    line = Line()
    line.say(2 * RATE)
    for _ in range(10):
        line.tick()
    line.playout.suspend(FADE_MS)
    line.playout.change_rate(16_000)
    for _ in range(3):
        line.tick()
    assert line.tick() == 0 and line.playout.is_suspended
    line.playout.resume()
    while line.playout.pending:
        line.tick()
    assert line.playout.heard().complete


def test_a_word_that_is_still_being_synthesized_is_said_again_from_its_beginning() -> None:
    line = Line()
    line.playout.append(WAVE[:WORD].tobytes(), (WordTime("one", 0.0, 200.0),))
    line.playout.append(WAVE[WORD : 2 * WORD].tobytes(), ())  # its word comes with its end
    for _ in range(15):
        line.tick()
    line.playout.suspend(FADE_MS)
    line.tick()
    line.tick()
    line.playout.resume()
    line.playout.append(WAVE[2 * WORD : 3 * WORD].tobytes(), (WordTime("two", -200.0, 200.0),))
    line.tick()
    assert _same(WAVE[WORD + RISE : WORD + FRAME], line.sound[-1][RISE:])
    while line.playout.pending:
        line.tick()
    assert line.playout.heard().text == "one two"
