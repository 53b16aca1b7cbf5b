"""A pause in which something sounds: perhaps the next word has begun, and its edge is not there yet."""

import pytest
from tests.turn.stepping import P, run

from voiceplane.turn.events import Action, EndTurn, Event, PauseJudged, Tick, WordsRead
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor, TurnState
from voiceplane.turn.parameters import Sureness
from voiceplane.turn.reading import Reading

ENOUGH = 2.0 + P.patience[Reading.COMPLETE, Sureness.SURE]
LISTENING = TurnState(floor=Floor.OPEN)
SAID: tuple[Event, ...] = (SpeechStarted(1.0), SpeechPaused(2.07, 2.0))
FACTS: tuple[Event, ...] = (PauseJudged(2.08, 1, 0.95), WordsRead(2.09, 1, Reading.COMPLETE))


def ends(actions: list[Action]) -> list[float]:
    return [action.at for action in actions if isinstance(action, EndTurn)]


def test_a_turn_does_not_end_while_its_next_word_may_have_begun() -> None:
    state, actions = run(LISTENING, *SAID, *FACTS, Tick(ENOUGH, sounds=True), SpeechStarted(ENOUGH - 0.03))
    assert (state.floor, ends(actions)) == (Floor.CALLER, [])


def test_a_turn_ends_with_the_first_silent_frame_when_the_sound_was_no_word() -> None:
    _, actions = run(LISTENING, *SAID, *FACTS, Tick(ENOUGH, sounds=True), Tick(ENOUGH + 0.02))
    assert ends(actions) == [ENOUGH + 0.02]


def test_a_sound_that_was_over_before_costs_nothing() -> None:
    _, actions = run(LISTENING, *SAID, *FACTS, Tick(2.1, sounds=True), Tick(2.12), Tick(ENOUGH))
    assert ends(actions) == [ENOUGH]


@pytest.mark.parametrize("late", [PauseJudged(ENOUGH + 0.1, 1, 0.95), WordsRead(ENOUGH + 0.1, 1, Reading.COMPLETE)])
def test_facts_that_come_between_two_frames_do_not_end_a_turn_in_which_something_sounds(late: Event) -> None:
    early = [fact for fact in FACTS if type(fact) is not type(late)]
    state, actions = run(LISTENING, *SAID, *early, Tick(ENOUGH + 0.08, sounds=True), late)
    assert (state.floor, ends(actions)) == (Floor.PAUSED, [])


def test_noise_keeps_a_turn_open_no_longer_than_the_longest_pause() -> None:
    ticks = [Tick(2.1 + 0.02 * step, sounds=True) for step in range(200)]
    _, actions = run(LISTENING, *SAID, *FACTS, *ticks)
    assert ends(actions) == [pytest.approx(2.0 + P.max_pause_s, abs=0.021)]


def test_the_next_pause_begins_without_the_sound_of_the_one_before() -> None:
    again = (SpeechStarted(2.3), SpeechPaused(3.07, 3.0), PauseJudged(3.2, 2, 0.95))
    _, actions = run(LISTENING, *SAID, Tick(2.1, sounds=True), *again, WordsRead(3.2, 2, Reading.COMPLETE))
    assert ends(actions) == [3.2]
