"""A number that was asked for: dictated in groups, whole, or with a digit that was misheard."""

import pytest
from tests.turn.stepping import P, run

from voiceplane.turn.events import EndTurn, PauseJudged, Tick, WordsRead
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor, TurnState, advance
from voiceplane.turn.reading import Reading

ASKED = TurnState(floor=Floor.OPEN, digits=6)
SAID = (SpeechStarted(1.0), SpeechPaused(2.07, 2.0))


def test_half_a_number_waits_for_the_rest() -> None:
    state, _ = run(ASKED, *SAID, PauseJudged(2.1, 1, 0.99), WordsRead(2.12, 1, Reading.OPEN), Tick(4.1))
    assert state.floor is Floor.PAUSED
    _, actions = run(state, Tick(2.0 + P.digits_max_pause_s))
    assert isinstance(actions[0], EndTurn)


def test_a_number_that_has_all_its_digits_ends_although_the_sound_expects_more() -> None:
    state, _ = run(ASKED, *SAID, PauseJudged(2.1, 1, 0.01), WordsRead(2.12, 1, Reading.COUNTED))
    assert state.floor is Floor.PAUSED
    state, actions = run(state, Tick(2.25))
    assert (state.floor, actions) == (Floor.THINKING, [EndTurn(2.25, 2.0, "judged", 1, 1.0)])


def test_a_number_that_lacks_a_digit_is_asked_about_after_the_longest_pause_between_groups() -> None:
    state, _ = run(ASKED, SpeechStarted(0.0), SpeechPaused(0.57, 0.5), *SAID)
    state, _ = run(state, PauseJudged(2.1, 2, 0.99), WordsRead(2.12, 2, Reading.LACKING), Tick(3.2))
    assert state.floor is Floor.PAUSED  # the last group may begin now
    state, _ = run(state, SpeechStarted(3.3))
    assert state.floor is Floor.CALLER
    _, actions = run(state, SpeechPaused(3.97, 3.9), WordsRead(4.02, 3, Reading.LACKING), Tick(3.9 + 1.35))
    assert actions[-1] == EndTurn(3.9 + 1.35, 3.9, "judged", 3)


LAST_S = 9.0


def ends_after(*pauses_s: float, reading: Reading = Reading.LACKING) -> float:
    """Dictate half a number with these pauses, then what reads so; return the silence after which the turn ends."""
    state, now = TurnState(floor=Floor.OPEN, digits=6), 0.0
    for pause_s in (*pauses_s, LAST_S):
        state, _ = advance(state, SpeechStarted(now), P)
        now += 1.0
        state, _ = advance(state, SpeechPaused(now + 0.06, now), P)
        state, _ = advance(state, WordsRead(now + 0.1, state.pause, reading if pause_s == LAST_S else Reading.OPEN), P)
        since, now = now, now + pause_s
        for tick in range(round(min(pause_s, 3.0) / 0.02)):
            state, actions = advance(state, Tick(since + 0.02 * tick), P)
            if any(isinstance(action, EndTurn) for action in actions):
                return 0.02 * tick
    raise AssertionError("the turn never ended")


def test_a_number_with_digits_heard_twice_waits_for_another_group_where_there_were_groups() -> None:
    assert ends_after(0.5, reading=Reading.OVERCOUNTED) == pytest.approx(1.36, abs=0.03)
    assert ends_after(reading=Reading.OVERCOUNTED) == pytest.approx(ends_after(reading=Reading.COUNTED))
    assert ends_after(0.1, reading=Reading.OVERCOUNTED) == pytest.approx(ends_after(reading=Reading.COUNTED))


def test_pauses_inside_a_number_tell_whether_one_that_lacks_a_digit_goes_on() -> None:
    assert ends_after(0.5) == pytest.approx(1.36, abs=0.03)
    assert ends_after(0.5, 0.1) == pytest.approx(1.36, abs=0.03)  # the longest counts
    assert ends_after(0.1) == pytest.approx(0.7, abs=0.03)  # a comma
    assert ends_after() == pytest.approx(0.7, abs=0.03)
