"""What sounds over the agent is told from its own voice, also by a beginning that is short."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tests.turn.test_echo import _pcm, _voice

from voiceplane.call.overlaps import Overlaps
from voiceplane.speech.ports import InferenceTiming, RecognizedWord, Transcript
from voiceplane.turn.echo import ECHO_LIKENESS, match
from voiceplane.turn.gate import SpeechStarted
from voiceplane.turn.overlap import Overlap

RATE = 16000
FRAME = 320


def overlaps(agent: np.ndarray, line: np.ndarray, *, end_s: float) -> Overlaps:
    """Return what is known at `end_s` of a call in which the agent has sent one sound and another came."""
    end = int(end_s * RATE)

    def sent(seconds: float) -> bytes:
        return _pcm(np.concatenate([np.zeros(2 * RATE), agent[:end]])[-int(seconds * RATE) :])

    made = Overlaps(cast(Any, SimpleNamespace(sent=sent)), cast(Any, SimpleNamespace(voiced=True)))
    for at in range(0, end - FRAME + 1, FRAME):
        made.remember(_pcm(line[at : at + FRAME]))
    return made


def test_a_callers_first_vowel_is_no_echo_though_it_is_like_one_of_ours() -> None:
    alike = 0
    for seed in range(40):
        agent, vowel = _voice(3, seed=seed), _voice(3, seed=seed + 100)[RATE : RATE + 1280]
        line = np.random.default_rng(9).normal(0, 4, len(agent))
        line[2 * RATE - 1280 : 2 * RATE] += vowel / 2
        made = overlaps(agent, line, end_s=2.0)
        short = _pcm(line[2 * RATE - 2560 : 2 * RATE])
        alike += match(short, made._session.sent(0.76)).likeness >= ECHO_LIKENESS
        assert not made.swallows(SpeechStarted(1.93)) and not made.echoes
    assert alike


def test_an_echo_is_known_by_its_first_word() -> None:
    for seed in range(20):
        agent = np.concatenate([np.zeros(RATE), _voice(2, seed=seed)])
        late = np.concatenate([np.zeros(int(0.2 * RATE)), agent])[: len(agent)] / 10
        line = late + np.random.default_rng(9).normal(0, 4, len(agent))
        assert overlaps(agent, line, end_s=1.3).swallows(SpeechStarted(1.22))


@pytest.mark.parametrize(
    ("text", "probability", "wish", "kind"),
    [
        ("Tat", 0.19, "", Overlap.NOISE),
        ("Tat", 0.19, "Stop.", Overlap.INTERRUPT),
        ("Okay.", 0.06, "", Overlap.BACKCHANNEL),
        ("Okay.", 0.06, "Hey.", Overlap.INTERRUPT),
        ("Okay.", 0.9, "Hey.", Overlap.BACKCHANNEL),  # likely words stand
        ("How much?", 0.3, "Enough.", Overlap.INTERRUPT),
    ],
)
def test_an_unlikely_word_wants_the_floor_where_it_sounds_like_a_command(
    text: str, probability: float, wish: str, kind: Overlap
) -> None:
    made = overlaps(np.zeros(RATE), np.zeros(RATE), end_s=1.0)
    made.begin(0.5)
    words = tuple(RecognizedWord(word, 0.0, 200.0, probability) for word in text.split())
    made.words(Transcript(text, words, InferenceTiming(0.0, 0.0, 0.0), logprob=-0.9, wish=wish))
    assert made.judge(1.0, ended=True, answers=False) is kind


def spoken(made: Overlaps, sound: np.ndarray, *, over_us: bool) -> None:
    """Let the caller make this sound, frame by frame."""
    for at in range(0, len(sound) - FRAME + 1, FRAME):
        made.remember(_pcm(sound[at : at + FRAME]))
        made.hear(_pcm(sound[at : at + FRAME]), 0.0, over_us=over_us)


def over(made: Overlaps, sound: np.ndarray) -> Overlap | None:
    """Return the name of a sound over the agent of which no words are known, 0.6 s after its beginning."""
    made.begin(0.0)
    spoken(made, sound[: int(0.6 * RATE)], over_us=True)
    return made.judge(0.6, ended=False, answers=False)


def silent() -> Overlaps:
    return overlaps(np.zeros(RATE), np.zeros(RATE), end_s=1.0)


@pytest.mark.parametrize(
    ("below_db", "kind"), [(0, Overlap.INTERRUPT), (8, Overlap.INTERRUPT), (18, Overlap.SIDE_TALK)]
)
def test_somebody_in_the_room_is_told_by_the_callers_own_level(below_db: float, kind: Overlap) -> None:
    made = silent()
    spoken(made, _voice(2, seed=1), over_us=False)
    assert over(made, _voice(1, seed=2) * 10 ** (-below_db / 20)) is kind


def test_a_caller_whose_sentence_ends_softly_is_no_softer_for_it() -> None:
    made = silent()
    fading = _voice(2, seed=1) * np.interp(np.arange(2 * RATE), [0, 1.5 * RATE, 2 * RATE], [1.0, 1.0, 0.1])
    spoken(made, fading, over_us=False)
    assert over(made, _voice(1, seed=2) / 8) is Overlap.SIDE_TALK


def test_one_loud_word_does_not_make_all_that_follows_side_talk() -> None:
    made = silent()
    spoken(made, _voice(0.3, seed=1) * 4, over_us=False)
    assert over(made, _voice(1, seed=2) / 2) is Overlap.INTERRUPT


def test_a_caller_who_begins_by_interrupting_is_known_by_that() -> None:
    made = silent()
    assert over(made, _voice(1, seed=1)) is Overlap.INTERRUPT
    made.end(resumed=False)
    assert over(made, _voice(1, seed=2) / 8) is Overlap.SIDE_TALK


@pytest.mark.parametrize(("caller", "kind"), [(False, Overlap.ECHO), (True, None)])
def test_a_sound_that_ducked_us_and_turns_out_to_be_our_own_is_named_so(caller: bool, kind: Overlap | None) -> None:
    agent = np.concatenate([np.zeros(RATE), _voice(2, seed=3)])
    line = np.concatenate([np.zeros(int(0.2 * RATE)), agent])[: len(agent)] / 10
    line = line + (np.concatenate([np.zeros(int(1.2 * RATE)), _voice(1.8, seed=4)]) if caller else 0)
    made = overlaps(agent, line, end_s=1.6)
    made.begin(1.2)
    assert made.judge(1.6, ended=False, answers=False) is kind


def test_a_soft_frame_at_a_notices_end_does_not_make_side_talk_of_a_caller_who_speaks_on() -> None:
    made = silent()
    spoken(made, _voice(2, seed=1), over_us=False)
    made.begin(0.0)  # the notice has ended 0.7 s after the caller began
    spoken(made, _voice(0.02, seed=2) / 30, over_us=True)
    assert made.judge(0.7, ended=False, answers=False) is None
