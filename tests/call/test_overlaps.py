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
