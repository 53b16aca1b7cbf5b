"""A short sound over the agent whose words come after the agent has gone on: a slow recognizer loses nobody's words."""

from dataclasses import replace

import pytest
from tests.turn.stepping import P, run

from voiceplane.turn.events import (
    AgentFinished,
    AskAgain,
    EndTurn,
    Interrupt,
    JudgeOverlap,
    OverlapJudged,
    Tick,
    Transferring,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import Floor, TurnState
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.reading import Reading


def went_on(*, shield_until: float = 0.0) -> TurnState:
    """Return a call in which the agent went on at 2.2 over a sound from 1.0 to 1.5 whose words are not known."""
    state, _ = run(
        TurnState(floor=Floor.AGENT), SpeechStarted(1.0), SpeechPaused(1.6, 1.5), Tick(1.5 + P.overlap_wait_s)
    )
    assert state.floor is Floor.AGENT
    return replace(state, shield_until=shield_until)


def test_late_words_that_want_the_floor_take_it() -> None:
    state, actions = run(went_on(), WordsRead(4.0, 1, Reading.COMPLETE))
    assert actions == [JudgeOverlap(1, 1.0, True)]
    state, actions = run(state, OverlapJudged(4.0, 1, Overlap.INTERRUPT), Tick(4.02))
    assert actions == [Interrupt(4.0, 1.0), EndTurn(4.02, 1.5, "judged", 1, 1.0)]


@pytest.mark.parametrize("kind", sorted(set(Overlap) - {Overlap.INTERRUPT}, key=str))
def test_late_words_that_are_nothing_for_us_are_forgotten(kind: Overlap) -> None:
    state, actions = run(went_on(), WordsRead(4.0, 1, Reading.UNKNOWN), OverlapJudged(4.0, 1, kind), AgentFinished(5.0))
    assert (state.floor, actions) == (Floor.OPEN, [JudgeOverlap(1, 1.0, True)])


def test_a_caller_whose_words_are_not_known_when_the_agent_is_done_is_not_asked_whether_he_is_there() -> None:
    state, actions = run(went_on(), AgentFinished(4.0), *(Tick(4.0 + step * 0.02) for step in range(1000)))
    assert state.floor is Floor.THINKING
    assert actions == [EndTurn(4.0, 1.5, "silence", 1, 1.0)]
    assert not any(isinstance(action, AskAgain) for action in actions)


def test_a_shielded_sentence_is_heard_out_before_late_words_are_answered() -> None:
    state, actions = run(
        went_on(shield_until=5.0), WordsRead(4.0, 1, Reading.COMPLETE), OverlapJudged(4.0, 1, Overlap.INTERRUPT)
    )
    assert (state.floor, actions) == (Floor.AGENT, [JudgeOverlap(1, 1.0, True)])
    state, actions = run(state, AgentFinished(5.0), Tick(5.02))
    assert actions == [EndTurn(5.02, 1.5, "judged", 1, 1.0)]


def test_a_new_sound_takes_the_place_of_words_that_have_not_come() -> None:
    state, _ = run(went_on(), SpeechStarted(4.0), WordsRead(4.1, 1, Reading.COMPLETE), AgentFinished(4.2))
    assert (state.floor, state.utterance_since) == (Floor.CALLER, 4.0)


def test_words_that_come_while_a_person_is_asked_for_are_not_for_us() -> None:
    state, actions = run(went_on(), Transferring(4.0), WordsRead(4.1, 1, Reading.COMPLETE), AgentFinished(5.0))
    assert (state.floor, actions) == (Floor.OPEN, [])
