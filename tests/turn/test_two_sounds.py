"""A word that was nothing alone, and what follows it: "Stop," read as "Chats", and "please", a listener's word."""

import pytest
from tests.turn.stepping import P, run

from voiceplane.turn.events import (
    BeginUtterance,
    Duck,
    Interrupt,
    JudgeOverlap,
    JudgePause,
    OverlapJudged,
    Resume,
    Tick,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor, TurnState
from voiceplane.turn.overlap import Overlap

SPEAKING = TurnState(floor=Floor.AGENT)
RESTED = 1.2 + P.overlap_rest_s
FIRST = (SpeechStarted(1.0), SpeechPaused(1.264, 1.2))
NOTHING = OverlapJudged(1.36, 1, Overlap.NOISE)


@pytest.mark.parametrize("kind", [Overlap.NOISE, Overlap.BACKCHANNEL, Overlap.SIDE_TALK])
def test_the_agent_goes_on_after_a_sound_that_was_nothing_once_it_has_rested(kind: Overlap) -> None:
    state, actions = run(SPEAKING, *FIRST, OverlapJudged(1.36, 1, kind), Tick(RESTED - 0.02))
    assert (state.floor, actions[-1]) == (Floor.DUCKED, JudgePause(1))
    state, actions = run(state, Tick(RESTED))
    assert (state.floor, actions) == (Floor.AGENT, [Resume(RESTED)])


def test_the_agent_does_not_wait_for_its_own_echo_to_rest() -> None:
    _, actions = run(SPEAKING, *FIRST, OverlapJudged(1.36, 1, Overlap.ECHO))
    assert actions[-1] == Resume(1.36)


def test_what_may_be_the_next_word_keeps_the_agent_silent() -> None:
    state, actions = run(SPEAKING, *FIRST, NOTHING, Tick(RESTED, sounds=True), Tick(RESTED + 0.1, sounds=True))
    assert (state.floor, actions[-1]) == (Floor.DUCKED, JudgePause(1))
    _, actions = run(state, Tick(1.2 + P.overlap_wait_s, sounds=True))
    assert isinstance(actions[-1], Resume)


def test_a_word_that_follows_before_the_agent_goes_on_is_of_the_same_sound() -> None:
    state, actions = run(SPEAKING, *FIRST, NOTHING, SpeechStarted(1.4), Tick(RESTED), SpeechPaused(1.7, 1.6))
    assert (state.floor, state.utterance_since) == (Floor.DUCKED, 1.0)
    assert not any(isinstance(action, Resume) for action in actions)
    _, actions = run(state, OverlapJudged(1.75, 1, Overlap.INTERRUPT))
    assert actions == [Interrupt(1.75, 1.4)]


def test_a_listener_who_says_two_words_has_not_spoken_for_long() -> None:
    at = 1.001 + P.interrupt_s
    state, actions = run(SPEAKING, *FIRST, NOTHING, SpeechStarted(1.4), Tick(1.401 + P.overlap_stages_s[0]), Tick(at))
    assert (state.floor, actions[-1]) == (Floor.DUCKED, JudgeOverlap(1, 1.4, False))


def test_a_word_soon_after_the_agent_went_on_is_heard_together_with_the_one_before() -> None:
    state, _ = run(SPEAKING, *FIRST, NOTHING, Tick(RESTED))
    second = 1.2 + P.overlap_joins_s
    state, actions = run(state, SpeechStarted(second))
    assert actions == [Duck(second), BeginUtterance(1.0)]
    state, _ = run(state, OverlapJudged(second + 0.2, 2, Overlap.INTERRUPT))
    assert (state.floor, state.utterance_since) == (Floor.CALLER, 1.0)


def test_a_sound_long_after_the_one_before_is_heard_alone() -> None:
    state, _ = run(SPEAKING, *FIRST, NOTHING, Tick(RESTED))
    second = 1.21 + P.overlap_joins_s
    _, actions = run(state, SpeechStarted(second))
    assert actions == [Duck(second), BeginUtterance(second)]


def test_noise_that_goes_on_and_on_is_not_all_heard_together() -> None:
    state, at, sounds = SPEAKING, 1.0, []
    for number in range(1, 9):
        state, begun = run(state, SpeechStarted(at), SpeechPaused(at + 0.264, at + 0.2))
        sounds += [at - action.since for action in begun if isinstance(action, BeginUtterance)]
        state, _ = run(state, OverlapJudged(at + 0.5, number, Overlap.NOISE))
        at += 0.7
    assert max(sounds) <= P.overlap_longest_s and sounds.count(0.0) >= 2
