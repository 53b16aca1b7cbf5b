import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import (
    RULES,
    Action,
    AgentFinished,
    AgentStarted,
    AskAgain,
    BeginUtterance,
    EndTurn,
    Event,
    Floor,
    GiveUp,
    Interrupt,
    JudgePause,
    PauseJudged,
    Tick,
    TurnParameters,
    TurnState,
    advance,
)

P = TurnParameters()
LISTENING = TurnState(floor=Floor.OPEN)


def run(state: TurnState, *events: Event) -> tuple[TurnState, list[Action]]:
    actions: list[Action] = []
    for event in events:
        state, step = advance(state, event, P)
        actions += step
    return state, actions


def test_every_pair_of_floor_and_event_has_a_rule() -> None:
    assert set(RULES) == {(floor, event) for floor in Floor for event in typing.get_args(Event)}


def test_a_finished_sentence_ends_the_turn_as_soon_as_it_is_judged() -> None:
    state, actions = run(LISTENING, SpeechStarted(1.0), SpeechPaused(2.2, 2.0), PauseJudged(2.23, 1, 0.9))
    assert actions == [BeginUtterance(1.0), JudgePause(1), EndTurn(2.23, 2.0, "judged")]
    assert state.floor is Floor.THINKING


def test_an_unfinished_sentence_waits_for_the_longest_pause() -> None:
    state, _ = run(LISTENING, SpeechStarted(1.0), SpeechPaused(2.2, 2.0), PauseJudged(2.23, 1, 0.1), Tick(3.4))
    assert state.floor is Floor.PAUSED
    _, actions = run(state, Tick(3.5))
    assert actions == [EndTurn(3.5, 2.0, "silence")]


def test_a_caller_who_goes_on_after_a_pause_keeps_one_utterance() -> None:
    _, actions = run(
        LISTENING,
        SpeechStarted(1.0),
        SpeechPaused(2.2, 2.0),
        SpeechStarted(2.4),
        PauseJudged(2.5, 1, 0.9),
        SpeechPaused(3.2, 3.0),
        PauseJudged(3.3, 2, 0.9),
    )
    assert actions == [BeginUtterance(1.0), JudgePause(1), JudgePause(2), EndTurn(3.3, 3.0, "judged")]


def test_a_late_judgement_of_an_old_pause_is_ignored() -> None:
    state, _ = run(LISTENING, SpeechStarted(1.0), SpeechPaused(2.2, 2.0), SpeechStarted(2.3), SpeechPaused(3.2, 3.0))
    state, actions = run(state, PauseJudged(3.21, 1, 0.99))
    assert (state.floor, actions) == (Floor.PAUSED, [])


def test_dictated_digits_are_not_cut_at_a_short_pause() -> None:
    asked = TurnState(floor=Floor.OPEN, expects_digits=True)
    state, _ = run(asked, SpeechStarted(1.0), SpeechPaused(2.2, 2.0), PauseJudged(2.3, 1, 0.95))
    assert state.floor is Floor.PAUSED
    _, actions = run(state, Tick(2.71))
    assert actions == [EndTurn(2.71, 2.0, "judged")]


def test_a_cough_over_the_agent_does_not_take_the_floor() -> None:
    speaking = TurnState(floor=Floor.AGENT)
    state, actions = run(speaking, SpeechStarted(1.0), Tick(1.2), SpeechPaused(1.3, 1.1), Tick(2.0))
    assert (state.floor, actions) == (Floor.AGENT, [])


def test_speech_over_the_agent_interrupts_and_keeps_its_first_words() -> None:
    _, actions = run(TurnState(floor=Floor.AGENT), SpeechStarted(1.0), Tick(1.2), Tick(1.31))
    assert actions == [Interrupt(1.31, 1.0), BeginUtterance(1.0)]


def test_words_begun_over_the_agents_last_syllable_are_kept() -> None:
    state, actions = run(TurnState(floor=Floor.AGENT), SpeechStarted(1.0), AgentFinished(1.1))
    assert (state.floor, actions) == (Floor.CALLER, [BeginUtterance(1.0)])


def test_a_silent_caller_is_asked_twice_and_then_let_go() -> None:
    state, asked = LISTENING, []
    for at in (6.0, 13.0, 20.0):
        state, actions = run(state, Tick(at), AgentStarted(at + 0.1), AgentFinished(at + 1.0))
        asked += actions
    assert asked == [AskAgain(1), AskAgain(2), GiveUp()]


def test_a_caller_who_answers_is_asked_from_the_beginning_next_time() -> None:
    state, _ = run(LISTENING, Tick(6.0), AgentStarted(6.1), AgentFinished(7.0), SpeechStarted(8.0))
    assert state.asked == 0


def test_endless_speech_is_cut_into_turns() -> None:
    _, actions = run(LISTENING, SpeechStarted(0.0), Tick(27.9), Tick(28.0))
    assert actions == [BeginUtterance(0.0), EndTurn(28.0, 28.0, "too-long")]


def test_an_unlisted_pair_names_both() -> None:
    with pytest.raises(LookupError, match="object while the floor is agent"):
        advance(TurnState(floor=Floor.AGENT), object(), P)  # type: ignore[arg-type]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    at, events = 0.0, list[Event]()
    for _ in range(draw(st.integers(0, 60))):
        at += draw(st.floats(0.01, 3.0))
        makers: list[Event] = [
            AgentStarted(at),
            AgentFinished(at),
            SpeechStarted(at),
            SpeechPaused(at, at - 0.2),
            PauseJudged(at, draw(st.integers(0, 5)), draw(st.floats(0, 1))),
            Tick(at),
        ]
        events.append(draw(st.sampled_from(makers)))
    return events


@given(histories())
def test_every_ended_turn_was_begun_and_no_turn_ends_twice(events: list[Event]) -> None:
    _, actions = run(LISTENING, *events)
    marks = [type(action) for action in actions if isinstance(action, BeginUtterance | EndTurn)]
    for before, after in zip(marks, marks[1:], strict=False):
        assert not (before is EndTurn and after is EndTurn)
    assert not marks or marks[0] is BeginUtterance
