"""A caller who went on after we took a turn for over: asked for longer silences in the rest of the call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.turn.stepping import P, run

from voiceplane.turn.events import (
    AgentStarted,
    EndTurn,
    OverlapJudged,
    PauseJudged,
    Retracted,
    Tick,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor, TurnState
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.parameters import Sureness, required_silence
from voiceplane.turn.reading import Reading

TABLE_S = P.patience[Reading.UNCLEAR, Sureness.DONE]


def speak(state: TurnState, at: float) -> tuple[TurnState, float]:
    """Say unclear words from `at` for a second; return the state at the turn's end, and the silence before it."""
    if state.floor is not Floor.CALLER:
        state, _ = run(state, SpeechStarted(at))
    state, _ = run(state, SpeechPaused(at + 1.06, at + 1.0))
    state, _ = run(state, PauseJudged(at + 1.1, state.pause, 0.6), WordsRead(at + 1.1, state.pause, Reading.UNCLEAR))
    for tick in range(6, 150):
        state, actions = run(state, Tick(at + 1.0 + 0.02 * tick))
        if any(isinstance(action, EndTurn) for action in actions):
            return state, 0.02 * tick
    raise AssertionError("the turn never ended")


def contradicted(state: TurnState, at: float) -> TurnState:
    """Let the caller go on after the end of a turn, before the reply is heard."""
    return run(state, SpeechStarted(at), Retracted(at))[0]


def interrupted(state: TurnState, after_s: float) -> TurnState:
    """Let the caller interrupt the agent so long after the end of a turn."""
    at = state.turn_ended
    state, _ = run(state, AgentStarted(at + 0.05), SpeechStarted(at + after_s))
    return run(state, OverlapJudged(at + after_s + 0.3, state.overlap, Overlap.INTERRUPT))[0]


def test_a_turn_whose_end_was_taken_back_ends_after_a_longer_silence() -> None:
    ended, silence_s = speak(TurnState(floor=Floor.OPEN), 1.0)
    assert silence_s == pytest.approx(TABLE_S, abs=0.03)
    _, longer_s = speak(contradicted(ended, 4.0), 4.0)
    assert longer_s > 1.1 * TABLE_S


def test_a_caller_who_speaks_over_the_first_words_of_a_reply_had_not_finished() -> None:
    ended, _ = speak(TurnState(floor=Floor.OPEN), 1.0)
    assert interrupted(ended, 0.5).haste > 0


def test_a_caller_who_interrupts_a_reply_later_had_finished() -> None:
    ended, _ = speak(TurnState(floor=Floor.OPEN), 1.0)
    assert interrupted(ended, 2.0).haste == 0


def test_a_caller_who_interrupts_the_opening_was_not_cut_off() -> None:
    state, _ = run(TurnState(), AgentStarted(0.1), SpeechStarted(0.3))
    state, _ = run(state, OverlapJudged(0.6, state.overlap, Overlap.INTERRUPT))
    assert state.floor is Floor.CALLER and state.haste == 0


def test_the_longer_silence_fades_with_every_end_that_stands() -> None:
    state, _ = speak(TurnState(floor=Floor.OPEN), 1.0)
    state = contradicted(state, 4.0)
    silences = []
    for turn in range(8):
        state, silence_s = speak(state, 10.0 * turn + 4.0)
        silences.append(silence_s)
        state = TurnState(floor=Floor.OPEN, pause=state.pause, haste=state.haste, turn_ended=state.turn_ended)
    assert silences == sorted(silences, reverse=True) and silences[0] > silences[-1]
    assert silences[-1] == pytest.approx(TABLE_S, abs=0.05)


def test_a_caller_who_always_goes_on_waits_at_most_half_as_long_again() -> None:
    state, at = TurnState(floor=Floor.OPEN), 1.0
    for _ in range(20):
        state, silence_s = speak(state, at)
        assert silence_s <= TABLE_S * 1.5 + 0.03
        at += 5.0
        state = contradicted(state, at)
    assert state.haste <= 1


@given(st.sampled_from([None, *Reading]), st.none() | st.floats(0, 1), st.booleans(), st.floats(0, 1))
def test_haste_lengthens_a_silence_and_never_beyond_the_longest_pause(
    reading: Reading | None, probability: float | None, digits: bool, haste: float
) -> None:
    plain = required_silence(reading, probability, P, digits=digits)
    longer = required_silence(reading, probability, P, digits=digits, haste=haste)
    assert plain <= longer <= max(plain, P.longest_s(digits=digits))
