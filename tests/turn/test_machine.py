import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.turn.stepping import P, run

from voiceplane.turn.events import (
    AgentFinished,
    AgentStarted,
    AskAgain,
    BeginUtterance,
    Duck,
    EndTurn,
    Event,
    GiveUp,
    Interrupt,
    JudgeOverlap,
    JudgePause,
    OverlapJudged,
    OverlapOver,
    PauseJudged,
    Resume,
    Retracted,
    SpeechResumed,
    Tick,
    Transferring,
    TurnStands,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import RULES, Floor, TurnState, advance
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.parameters import Sureness, required_silence
from voiceplane.turn.reading import Reading

LISTENING = TurnState(floor=Floor.OPEN)
SPEAKING = TurnState(floor=Floor.AGENT)
SAID = (SpeechStarted(1.0), SpeechPaused(2.07, 2.0))
SURE = P.patience[Reading.COMPLETE, Sureness.SURE]


def test_every_pair_of_floor_and_event_has_a_rule() -> None:
    assert set(RULES) == {(floor, event) for floor in Floor for event in typing.get_args(Event)}


def test_words_and_sound_that_are_complete_end_the_turn_after_the_shortest_silence() -> None:
    state, actions = run(LISTENING, *SAID, PauseJudged(2.1, 1, 0.95), WordsRead(2.12, 1, Reading.COMPLETE))
    assert (state.floor, actions) == (Floor.PAUSED, [BeginUtterance(1.0), JudgePause(1)])
    state, actions = run(state, Tick(2.0 + SURE))
    assert (state.floor, actions) == (Floor.THINKING, [EndTurn(2.0 + SURE, 2.0, "judged", 1, 1.0)])


def test_a_verdict_that_comes_late_ends_the_turn_at_once() -> None:
    _, actions = run(LISTENING, *SAID, PauseJudged(2.1, 1, 0.95), WordsRead(2.4, 1, Reading.COMPLETE))
    assert actions[-1] == EndTurn(2.4, 2.0, "judged", 1, 1.0)


def test_words_that_come_late_are_not_judged_before_the_planner_has_said_what_it_makes_of_them() -> None:
    late = 2.0 + P.patience[Reading.UNKNOWN, Sureness.SURE] + 0.02
    state, actions = run(LISTENING, *SAID, PauseJudged(2.1, 1, 0.95), WordsRead(late, 1, Reading.UNKNOWN))
    assert state.floor is Floor.PAUSED
    unclear, _ = run(state, WordsRead(late + 0.03, 1, Reading.UNCLEAR), Tick(late + P.planner_s))
    assert unclear.floor is Floor.PAUSED
    _, actions = run(state, Tick(late + P.planner_s))
    assert actions == [EndTurn(late + P.planner_s, 2.0, "judged", 1, 1.0)]


def test_a_trailing_and_waits_however_sure_the_sound_is() -> None:
    state, _ = run(LISTENING, *SAID, PauseJudged(2.1, 1, 0.99), WordsRead(2.12, 1, Reading.OPEN), Tick(2.9))
    assert state.floor is Floor.PAUSED


def test_a_turn_that_nothing_judges_ends_after_the_longest_pause() -> None:
    state, _ = run(LISTENING, *SAID, Tick(2.0 + P.max_pause_s - 0.01))
    assert state.floor is Floor.PAUSED
    _, actions = run(state, Tick(2.0 + P.max_pause_s))
    assert actions == [EndTurn(2.0 + P.max_pause_s, 2.0, "silence", 1, 1.0)]


def test_a_caller_who_goes_on_after_a_pause_keeps_one_utterance() -> None:
    _, actions = run(
        LISTENING,
        *SAID,
        SpeechStarted(2.15),
        PauseJudged(2.2, 1, 0.9),
        WordsRead(2.2, 1, Reading.COMPLETE),
        SpeechPaused(3.1, 3.0),
        PauseJudged(3.2, 2, 0.9),
        WordsRead(3.3, 2, Reading.COMPLETE),
    )
    assert actions == [BeginUtterance(1.0), JudgePause(1), JudgePause(2), EndTurn(3.3, 3.0, "judged", 2, 1.0)]


def test_late_facts_about_an_old_pause_are_ignored() -> None:
    state, _ = run(LISTENING, *SAID, SpeechStarted(2.3), SpeechPaused(3.1, 3.0))
    state, actions = run(state, PauseJudged(3.3, 1, 0.99), WordsRead(3.3, 1, Reading.COMPLETE))
    assert (state.floor, state.probability, state.reading, actions) == (Floor.PAUSED, None, None, [])


def test_the_caller_is_heard_again_before_the_reply_is() -> None:
    ended, _ = run(LISTENING, *SAID, Tick(5.0))
    again, actions = run(ended, SpeechStarted(5.1))
    assert (again.floor, actions) == (Floor.THINKING, [SpeechResumed(5.1)])
    back, actions = run(again, Retracted(5.12))
    assert (back.floor, back.utterance_since, actions) == (Floor.CALLER, 1.0, [])


def test_short_words_before_a_reply_that_stands_are_an_utterance_of_their_own() -> None:
    thinking, _ = run(LISTENING, *SAID, Tick(5.0))
    state, actions = run(thinking, SpeechStarted(5.1), TurnStands(5.1), SpeechPaused(5.6, 5.5))
    assert (state.floor, actions) == (
        Floor.DUCKED,
        [SpeechResumed(5.1), Duck(5.1), BeginUtterance(5.1), JudgePause(2)],
    )
    state, actions = run(state, OverlapJudged(5.7, 1, Overlap.INTERRUPT), Tick(5.5 + P.max_pause_s))
    assert (state.floor, actions) == (
        Floor.THINKING,
        [Interrupt(5.7, 5.1), EndTurn(5.5 + P.max_pause_s, 5.5, "silence", 2, 5.1)],
    )


def test_noise_before_a_reply_that_stands_lets_it_come() -> None:
    thinking, _ = run(LISTENING, *SAID, Tick(5.0))
    state, _ = run(thinking, SpeechStarted(5.1), TurnStands(5.1), SpeechPaused(5.3, 5.2))
    state, actions = run(state, OverlapJudged(5.5, 1, Overlap.NOISE), AgentStarted(5.6), AgentFinished(7.0))
    assert (state.floor, actions) == (Floor.OPEN, [Resume(5.5)])


def test_an_agent_that_was_done_under_a_sound_ends_its_measuring() -> None:
    state, actions = run(SPEAKING, SpeechStarted(1.0), AgentFinished(1.2))
    assert (state.floor, actions[-1]) == (Floor.CALLER, OverlapOver())


def test_a_sound_over_the_agent_ducks_it_at_once_and_keeps_the_callers_words() -> None:
    state, actions = run(SPEAKING, SpeechStarted(1.0))
    assert (state.floor, actions) == (Floor.DUCKED, [Duck(1.0), BeginUtterance(1.0)])


def test_a_sound_is_judged_at_each_stage_and_at_its_end() -> None:
    stages = [Tick(1.001 + at) for at in P.overlap_stages_s]
    state, actions = run(SPEAKING, SpeechStarted(1.0), *stages, SpeechPaused(1.8, 1.7))
    assert actions[2:] == [JudgeOverlap(1, 1.0, False)] * 3 + [JudgePause(1)]
    _, actions = run(state, WordsRead(1.9, 1, Reading.UNKNOWN))
    assert actions == [JudgeOverlap(1, 1.0, True)]


@pytest.mark.parametrize("kind", sorted(set(Overlap) - {Overlap.INTERRUPT}, key=str))
def test_what_is_no_interruption_lets_the_agent_go_on(kind: Overlap) -> None:
    state, actions = run(SPEAKING, SpeechStarted(1.0), SpeechPaused(1.3, 1.2), OverlapJudged(1.5, 1, kind))
    assert (state.floor, actions[-1]) == (Floor.AGENT, Resume(1.5))


def test_an_interruption_gives_the_floor_to_the_caller_who_still_speaks() -> None:
    state, actions = run(SPEAKING, SpeechStarted(1.0), OverlapJudged(1.4, 1, Overlap.INTERRUPT))
    assert (state.floor, actions[-1]) == (Floor.CALLER, Interrupt(1.4, 1.0))


def test_an_interruption_that_is_over_is_a_turn_already_in_its_pause() -> None:
    state, _ = run(SPEAKING, SpeechStarted(1.0), SpeechPaused(1.6, 1.5), OverlapJudged(1.7, 1, Overlap.INTERRUPT))
    assert (state.floor, state.since) == (Floor.PAUSED, 1.5)


def test_a_judgement_of_an_earlier_sound_is_ignored() -> None:
    state, _ = run(SPEAKING, SpeechStarted(1.0), SpeechPaused(1.3, 1.2), Tick(2.0), SpeechStarted(3.0))
    state, actions = run(state, OverlapJudged(3.1, 1, Overlap.INTERRUPT))
    assert (state.floor, actions) == (Floor.DUCKED, [])


def test_long_speech_over_the_agent_takes_the_floor_whatever_the_recognizer_does() -> None:
    _, actions = run(SPEAKING, SpeechStarted(1.0), Tick(1.001 + P.interrupt_s))
    assert actions[-1] == Interrupt(1.001 + P.interrupt_s, 1.0)


def test_a_short_sound_that_stays_unclear_lets_the_agent_go_on() -> None:
    _, actions = run(SPEAKING, SpeechStarted(1.0), SpeechPaused(1.3, 1.2), Tick(1.2 + P.overlap_wait_s))
    assert actions[-1] == Resume(1.2 + P.overlap_wait_s)


def test_a_shielded_phrase_is_ducked_only_when_its_shield_ends() -> None:
    shielded = TurnState(floor=Floor.AGENT, shield_until=3.0)
    state, actions = run(shielded, SpeechStarted(1.0), Tick(2.9))
    assert (state.floor, actions) == (Floor.AGENT, [])
    _, actions = run(state, Tick(3.0))
    assert actions == [Duck(3.0), BeginUtterance(1.0)]


def test_words_begun_over_a_shielded_last_syllable_are_kept() -> None:
    shielded = TurnState(floor=Floor.AGENT, shield_until=9.0)
    state, actions = run(shielded, SpeechStarted(1.0), AgentFinished(1.1))
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
    _, actions = run(LISTENING, SpeechStarted(0.0), Tick(P.max_utterance_s - 0.1), Tick(P.max_utterance_s))
    assert actions == [BeginUtterance(0.0), EndTurn(P.max_utterance_s, P.max_utterance_s, "too-long")]


def test_an_unlisted_pair_names_both() -> None:
    with pytest.raises(LookupError, match="object while the floor is agent"):
        advance(SPEAKING, object(), P)  # type: ignore[arg-type]


@pytest.mark.parametrize("digits", [False, True])
@pytest.mark.parametrize("reading", [*Reading, None])
def test_a_surer_sound_never_asks_for_more_silence(reading: Reading | None, digits: bool) -> None:
    silences = [required_silence(reading, p, P, digits=digits) for p in (None, 0.1, 0.6, 0.9)]
    assert silences == sorted(silences, reverse=True)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    at, events = 0.0, list[Event]()
    for _ in range(draw(st.integers(0, 60))):
        at += draw(st.floats(0.01, 1.5))
        number = draw(st.integers(0, 5))
        makers: list[Event] = [
            AgentStarted(at),
            AgentFinished(at),
            SpeechStarted(at),
            SpeechPaused(at, at - 0.07),
            PauseJudged(at, number, draw(st.floats(0, 1))),
            WordsRead(at, number, draw(st.sampled_from(Reading))),
            OverlapJudged(at, number, draw(st.sampled_from(Overlap))),
            Retracted(at),
            Tick(at, draw(st.booleans())),
        ]
        events.append(draw(st.sampled_from(makers)))
    return events


@settings(deadline=None)
@given(histories(), st.sampled_from(Floor))
def test_no_turn_ends_before_it_began_or_twice_without_a_retraction(events: list[Event], floor: Floor) -> None:
    if floor in (Floor.CALLER, Floor.PAUSED, Floor.DUCKED):
        return  # these do not begin a call
    state, open_turn = TurnState(floor=floor), False
    for event in events:
        state, actions = advance(state, event, P)
        open_turn = open_turn or isinstance(event, Retracted)
        for action in actions:
            if isinstance(action, BeginUtterance):
                open_turn = True
            if isinstance(action, EndTurn):
                assert open_turn
                open_turn = False


@settings(deadline=None)
@given(histories())
def test_a_duck_ends_in_one_resume_or_one_interruption_or_with_the_agents_turn(events: list[Event]) -> None:
    state, ducked = SPEAKING, False
    for event in events:
        was_ducked, late = ducked, state.unread_until is not None
        state, actions = advance(state, event, P)
        for action in actions:
            if isinstance(action, Duck):
                assert not ducked
                ducked = True
            if isinstance(action, Resume | Interrupt):
                assert ducked or late
                ducked = False
        if was_ducked and isinstance(event, AgentFinished):
            ducked = False
        assert ducked == (state.floor is Floor.DUCKED)


@pytest.mark.parametrize("floor", list(Floor))
def test_while_a_person_is_asked_for_no_silence_is_asked_about_and_no_turn_begins_or_ends(floor: Floor) -> None:
    state, actions = run(TurnState(floor=floor, overlap_since=0.5), Transferring(1.0))
    ticks = [Tick(1.0 + step) for step in range(60)]
    state, actions = run(state, *ticks, SpeechStarted(61.0), SpeechPaused(63.0, 62.9), Tick(70.0))
    assert (state.floor, actions) == (Floor.AWAY, [])
    state, actions = run(state, AgentStarted(71.0), AgentFinished(73.0), Tick(73.0 + P.ask_after_s))
    assert actions == [AskAgain(1)]
