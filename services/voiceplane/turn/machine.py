"""Decide who has the floor and when the caller's turn is over. Fed by the gate, the judge and playout; read by call.

Pure: `advance(state, event, parameters)` returns the next state and what to do. Time comes with the events. The table
RULES lists every pair of floor and event; there is no other behaviour.
"""

from dataclasses import replace

from voiceplane.turn import ducked
from voiceplane.turn.events import (
    AgentFinished,
    AgentStarted,
    AskAgain,
    BeginUtterance,
    EndTurn,
    Event,
    GiveUp,
    JudgePause,
    OverlapJudged,
    PauseJudged,
    Retracted,
    SpeechResumed,
    Tick,
    Transferring,
    TurnStands,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.parameters import TurnParameters, required_silence
from voiceplane.turn.reading import Reading
from voiceplane.turn.state import Floor, Rule, Step, TurnState

__all__ = ["RULES", "Floor", "TurnState", "advance"]


def advance(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """Take one event; LookupError names a pair that the table does not list."""
    try:
        rule = RULES[state.floor, type(event)]
    except KeyError:
        raise LookupError(f"no rule for {type(event).__name__} while the floor is {state.floor.value}") from None
    return rule(state, event, parameters)


def _stay(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    return state, ()


def _agent_takes_floor(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, AgentStarted)
    return replace(state, floor=Floor.AGENT, since=event.at), ()


def _agent_starts_over_caller(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, AgentStarted)
    return replace(state, floor=Floor.AGENT, since=event.at, overlap_since=event.at), ()


def _floor_opens(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """The agent is done; a caller who speaks over its last words, or whose words have not come yet, has the floor."""
    assert isinstance(event, AgentFinished)
    if state.overlap_since is not None:
        return _caller_begins(state, state.overlap_since)
    if state.unread_until is not None:
        return ducked.answer_unread(state), ()
    return replace(state, floor=Floor.OPEN, since=event.at), ()


def _caller_begins(state: TurnState, since: float) -> Step:
    begun = replace(state, floor=Floor.CALLER, since=since, utterance_since=since, overlap_since=None, asked=0)
    return replace(begun, unread_until=None, longest_pause_s=0.0), (BeginUtterance(since),)


def _caller_takes_floor(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return _caller_begins(state, event.at)


def _caller_goes_on(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    paused = replace(state, longest_pause_s=max(state.longest_pause_s, event.at - state.since))
    return replace(paused, floor=Floor.CALLER, since=event.at, probability=None, reading=None), ()


def _overlap_begins(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return ducked.duck_in_time(replace(state, overlap_since=event.at), event, parameters)


def _overlap_ends(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    return replace(state, overlap_since=None), ()


def _speaks_again(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return replace(state, overlap_since=event.at), (SpeechResumed(event.at),)


def _turn_was_not_over(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, Retracted)
    state = ducked.was_hasty(state, parameters)
    return replace(state, floor=Floor.CALLER, since=event.at, overlap_since=None, probability=None, reading=None), ()


def _nobody_speaks(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, Transferring)
    away = replace(state, floor=Floor.AWAY, since=event.at, overlap_since=None, overlap_ended=None)
    return replace(away, unread_until=None, asked=0), ()


def _speaks_to_nobody(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return replace(state, overlap_since=event.at), ()


def _pause_begins(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechPaused)
    paused = replace(state, floor=Floor.PAUSED, pause=state.pause + 1, since=event.since)
    paused = replace(paused, probability=None, reading=None, sounds=False)
    return paused, (JudgePause(paused.pause),)


def _time_passes(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, Tick)
    return _pause_goes_on(replace(state, sounds=event.sounds), event, parameters)


def _judgement(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, PauseJudged)
    if event.pause != state.pause:
        return state, ()
    return _pause_goes_on(replace(state, probability=event.probability), event, parameters)


def _words_read(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, WordsRead)
    if event.pause != state.pause:
        return state, ()
    read_at = event.at if state.reading is None else state.read_at
    return _pause_goes_on(replace(state, reading=event.reading, read_at=read_at), event, parameters)


def _pause_goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """End the turn when the silence is as long as words and sound together ask for, and is one still."""
    needed = required_silence(
        state.reading,
        state.probability,
        parameters,
        digits=state.digits > 0,
        longest_pause_s=state.longest_pause_s,
        haste=state.haste,
    )
    longest = parameters.longest_s(digits=state.digits > 0)
    earliest = state.since + (longest if state.sounds else needed)
    if state.reading is Reading.UNKNOWN:  # words that come late are not to be judged without the planner
        earliest = max(earliest, state.read_at + parameters.planner_s)
    if event.at < earliest - 1e-6:
        return state, ()
    settled = state.reading is not None and needed < longest
    haste = state.haste * parameters.haste_kept
    return _end_turn(replace(state, haste=haste), event, "judged" if settled else "silence")


def _end_turn(state: TurnState, event: Event, reason: str) -> Step:
    paused_s = max(state.longest_pause_s, event.at - state.since)  # of this utterance, if its end is taken back
    ended = replace(state, floor=Floor.THINKING, since=event.at, turn_ended=event.at)
    ended = replace(ended, overlap_since=None, longest_pause_s=paused_s)
    return ended, (EndTurn(event.at, state.since, reason, state.pause, state.utterance_since),)


def _speech_goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    if event.at - state.utterance_since < parameters.max_utterance_s:
        return state, ()
    ended = replace(state, floor=Floor.THINKING, since=event.at)
    return ended, (EndTurn(event.at, event.at, "too-long", since=state.utterance_since),)


def _waiting(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """Ask a silent caller again, a few times, then let go. THINKING until the question is on the wire."""
    if event.at - state.since < parameters.ask_after_s:
        return state, ()
    asked = replace(state, floor=Floor.THINKING, since=event.at, asked=state.asked + 1)
    return asked, (AskAgain(asked.asked),) if asked.asked <= parameters.asks else (GiveUp(),)


RULES: dict[tuple[Floor, type[Event]], Rule] = {
    (Floor.AGENT, AgentStarted): _stay,
    (Floor.AGENT, AgentFinished): _floor_opens,
    (Floor.AGENT, SpeechStarted): _overlap_begins,
    (Floor.AGENT, SpeechPaused): _overlap_ends,
    (Floor.AGENT, PauseJudged): _stay,
    (Floor.AGENT, WordsRead): ducked.words_come_late,
    (Floor.AGENT, OverlapJudged): ducked.judged_late,
    (Floor.AGENT, Retracted): _stay,
    (Floor.AGENT, TurnStands): _stay,
    (Floor.AGENT, Transferring): _nobody_speaks,
    (Floor.AGENT, Tick): ducked.duck_in_time,
    (Floor.DUCKED, AgentStarted): _stay,
    (Floor.DUCKED, AgentFinished): ducked.agent_was_done,
    (Floor.DUCKED, SpeechStarted): ducked.sounds_again,
    (Floor.DUCKED, SpeechPaused): ducked.pauses,
    (Floor.DUCKED, PauseJudged): ducked.facts,
    (Floor.DUCKED, WordsRead): ducked.facts,
    (Floor.DUCKED, OverlapJudged): ducked.judged,
    (Floor.DUCKED, Retracted): _stay,
    (Floor.DUCKED, TurnStands): _stay,
    (Floor.DUCKED, Transferring): _nobody_speaks,
    (Floor.DUCKED, Tick): ducked.goes_on,
    (Floor.OPEN, AgentStarted): _agent_takes_floor,
    (Floor.OPEN, AgentFinished): _stay,
    (Floor.OPEN, SpeechStarted): _caller_takes_floor,
    (Floor.OPEN, SpeechPaused): _stay,
    (Floor.OPEN, PauseJudged): _stay,
    (Floor.OPEN, WordsRead): _stay,
    (Floor.OPEN, OverlapJudged): _stay,
    (Floor.OPEN, Retracted): _stay,
    (Floor.OPEN, TurnStands): _stay,
    (Floor.OPEN, Transferring): _nobody_speaks,
    (Floor.OPEN, Tick): _waiting,
    (Floor.CALLER, AgentStarted): _agent_starts_over_caller,
    (Floor.CALLER, AgentFinished): _stay,
    (Floor.CALLER, SpeechStarted): _stay,
    (Floor.CALLER, SpeechPaused): _pause_begins,
    (Floor.CALLER, PauseJudged): _stay,
    (Floor.CALLER, WordsRead): _stay,
    (Floor.CALLER, OverlapJudged): _stay,
    (Floor.CALLER, Retracted): _stay,
    (Floor.CALLER, TurnStands): _stay,
    (Floor.CALLER, Transferring): _nobody_speaks,
    (Floor.CALLER, Tick): _speech_goes_on,
    (Floor.PAUSED, AgentStarted): _agent_takes_floor,
    (Floor.PAUSED, AgentFinished): _stay,
    (Floor.PAUSED, SpeechStarted): _caller_goes_on,
    (Floor.PAUSED, SpeechPaused): _stay,
    (Floor.PAUSED, PauseJudged): _judgement,
    (Floor.PAUSED, WordsRead): _words_read,
    (Floor.PAUSED, OverlapJudged): _stay,
    (Floor.PAUSED, Retracted): _stay,
    (Floor.PAUSED, TurnStands): _stay,
    (Floor.PAUSED, Transferring): _nobody_speaks,
    (Floor.PAUSED, Tick): _time_passes,
    (Floor.THINKING, AgentStarted): _agent_takes_floor,
    (Floor.THINKING, AgentFinished): _floor_opens,
    (Floor.THINKING, SpeechStarted): _speaks_again,
    (Floor.THINKING, SpeechPaused): _overlap_ends,
    (Floor.THINKING, PauseJudged): _stay,
    (Floor.THINKING, WordsRead): _stay,
    (Floor.THINKING, OverlapJudged): _stay,
    (Floor.THINKING, Retracted): _turn_was_not_over,
    (Floor.THINKING, TurnStands): ducked.duck_in_time,
    (Floor.THINKING, Transferring): _nobody_speaks,
    (Floor.THINKING, Tick): _stay,
    (Floor.AWAY, AgentStarted): _agent_takes_floor,
    (Floor.AWAY, AgentFinished): _floor_opens,
    (Floor.AWAY, SpeechStarted): _speaks_to_nobody,
    (Floor.AWAY, SpeechPaused): _overlap_ends,
    (Floor.AWAY, PauseJudged): _stay,
    (Floor.AWAY, WordsRead): _stay,
    (Floor.AWAY, OverlapJudged): _stay,
    (Floor.AWAY, Retracted): _stay,
    (Floor.AWAY, TurnStands): _stay,
    (Floor.AWAY, Transferring): _stay,
    (Floor.AWAY, Tick): _stay,
}
