"""Decide who has the floor and when the caller's turn is over. Fed by the gate, the judge and playout; read by call.

Pure: `advance(state, event, parameters)` returns the next state and what to do. Time comes with the events. The table
RULES lists every pair of floor and event; there is no other behaviour.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from voiceplane.turn.events import (
    Action,
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
    PauseJudged,
    Resume,
    Retracted,
    SpeechResumed,
    Tick,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.parameters import TurnParameters, required_silence
from voiceplane.turn.reading import Reading


class Floor(Enum):
    """Who holds the floor."""

    AGENT = "agent"  # our audio is on the wire
    DUCKED = "ducked"  # the caller makes a sound over us: we are silent, with the rest in hand
    OPEN = "open"  # nobody speaks; the caller is expected to
    CALLER = "caller"  # the caller speaks
    PAUSED = "paused"  # the caller stopped; is the turn over?
    THINKING = "thinking"  # the turn is over; the reply is not on the wire yet


@dataclass(frozen=True, slots=True)
class TurnState:
    """Where a call stands. `digits` is set by the dialogue, the rest by events."""

    floor: Floor = Floor.THINKING  # the call is answered and the opening line is being prepared
    digits: int = 0  # asked for; 0: none
    pause: int = 0  # pauses seen in this call: a late judgement of an old pause is ignored
    since: float = 0.0  # when this floor began; PAUSED: the last voiced sound
    utterance_since: float = 0.0
    probability: float | None = None  # the judge's word about this pause
    reading: Reading | None = None  # the words' sign about this pause
    overlap_since: float | None = None  # the caller speaks over the agent since
    overlap: int = 0  # sounds over the agent in this call
    overlap_stage: int = 0  # of the running one: how often it was judged
    overlap_ended: float | None = None  # its last voiced sound, once it has paused
    shield_until: float = 0.0  # the agent's phrase may not be interrupted before
    asked: int = 0


Step = tuple[TurnState, tuple[Action, ...]]
Rule = Callable[[TurnState, Event, TurnParameters], Step]


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
    """The agent is done; a caller who already speaks over its last words has the floor at once."""
    assert isinstance(event, AgentFinished)
    if state.overlap_since is not None:
        return _caller_begins(state, state.overlap_since)
    return replace(state, floor=Floor.OPEN, since=event.at), ()


def _caller_begins(state: TurnState, since: float) -> Step:
    begun = replace(state, floor=Floor.CALLER, since=since, utterance_since=since, overlap_since=None, asked=0)
    return begun, (BeginUtterance(since),)


def _caller_takes_floor(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return _caller_begins(state, event.at)


def _caller_goes_on(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return replace(state, floor=Floor.CALLER, since=event.at, probability=None, reading=None), ()


def _overlap_begins(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return _duck_in_time(replace(state, overlap_since=event.at), event, parameters)


def _overlap_ends(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    return replace(state, overlap_since=None), ()


def _speaks_again(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return replace(state, overlap_since=event.at), (SpeechResumed(event.at),)


def _turn_was_not_over(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, Retracted)
    return replace(state, floor=Floor.CALLER, since=event.at, overlap_since=None, probability=None, reading=None), ()


def _duck_in_time(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Fall silent at the first sound of the caller, unless the phrase may not be interrupted yet."""
    if state.overlap_since is None or event.at < state.shield_until:
        return state, ()
    ducked = replace(
        state,
        floor=Floor.DUCKED,
        overlap=state.overlap + 1,
        overlap_stage=0,
        overlap_ended=None,
        utterance_since=state.overlap_since,
        probability=None,
        reading=None,
    )
    return ducked, (Duck(event.at), BeginUtterance(state.overlap_since))


def _overlap_goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """Ask what the sound is at each stage; one that lasts is an interruption, one that is over and unclear is not."""
    assert state.overlap_since is not None
    if state.overlap_ended is not None:
        unclear = event.at - state.overlap_ended >= parameters.overlap_wait_s
        return _resume(state, event.at) if unclear else (state, ())
    since_s = event.at - state.overlap_since
    if since_s >= parameters.interrupt_s:
        return _interrupted(state, event.at)
    stages = parameters.overlap_stages_s
    if state.overlap_stage < len(stages) and since_s >= stages[state.overlap_stage]:
        judged = replace(state, overlap_stage=state.overlap_stage + 1)
        return judged, (JudgeOverlap(state.overlap, state.overlap_since, False),)
    return state, ()


def _overlap_pauses(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechPaused)
    paused = replace(state, pause=state.pause + 1, overlap_ended=event.since, probability=None, reading=None)
    return paused, (JudgePause(paused.pause),)


def _overlap_again(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    return replace(state, overlap_ended=None), ()


def _overlap_facts(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Keep what is learned of a pause: if it was an interruption, the turn may be over already."""
    if isinstance(event, PauseJudged) and event.pause == state.pause:
        return replace(state, probability=event.probability), ()
    if isinstance(event, WordsRead) and event.pause == state.pause and state.overlap_ended is not None:
        since = state.overlap_since or state.since
        return replace(state, reading=event.reading), (JudgeOverlap(state.overlap, since, True),)
    return state, ()


def _overlap_judged(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, OverlapJudged)
    if event.overlap != state.overlap:
        return state, ()
    return _interrupted(state, event.at) if event.kind is Overlap.INTERRUPT else _resume(state, event.at)


def _interrupted(state: TurnState, at: float) -> Step:
    since = state.overlap_since if state.overlap_since is not None else at
    return _caller_has_floor(state), (Interrupt(at, since),)


def _caller_has_floor(state: TurnState) -> TurnState:
    """Give the caller the floor, speaking or in a pause."""
    if state.overlap_ended is None:
        return replace(state, floor=Floor.CALLER, since=state.utterance_since, overlap_since=None, asked=0)
    return replace(state, floor=Floor.PAUSED, since=state.overlap_ended, overlap_since=None, asked=0)


def _resume(state: TurnState, at: float) -> Step:
    return replace(state, floor=Floor.AGENT, overlap_since=None, overlap_ended=None), (Resume(at),)


def _agent_was_done(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    """Nothing of the agent's turn was left when the caller spoke."""
    return _caller_has_floor(state), ()


def _pause_begins(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechPaused)
    paused = replace(state, floor=Floor.PAUSED, pause=state.pause + 1, since=event.since)
    paused = replace(paused, probability=None, reading=None)
    return paused, (JudgePause(paused.pause),)


def _judgement(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, PauseJudged)
    if event.pause != state.pause:
        return state, ()
    return _pause_goes_on(replace(state, probability=event.probability), event, parameters)


def _words_read(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, WordsRead)
    if event.pause != state.pause:
        return state, ()
    return _pause_goes_on(replace(state, reading=event.reading), event, parameters)


def _pause_goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """End the turn when the silence is as long as words and sound together ask for."""
    needed = required_silence(state.reading, state.probability, parameters, digits=state.digits > 0)
    if event.at - state.since < needed - 1e-6:
        return state, ()
    settled = state.reading is not None and needed < parameters.longest_s(digits=state.digits > 0)
    return _end_turn(state, event, "judged" if settled else "silence")


def _end_turn(state: TurnState, event: Event, reason: str) -> Step:
    ended = replace(state, floor=Floor.THINKING, since=event.at, overlap_since=None)
    return ended, (EndTurn(event.at, state.since, reason, state.pause),)


def _speech_goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    if event.at - state.utterance_since < parameters.max_utterance_s:
        return state, ()
    ended = replace(state, floor=Floor.THINKING, since=event.at)
    return ended, (EndTurn(event.at, event.at, "too-long"),)


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
    (Floor.AGENT, WordsRead): _stay,
    (Floor.AGENT, OverlapJudged): _stay,
    (Floor.AGENT, Retracted): _stay,
    (Floor.AGENT, Tick): _duck_in_time,
    (Floor.DUCKED, AgentStarted): _stay,
    (Floor.DUCKED, AgentFinished): _agent_was_done,
    (Floor.DUCKED, SpeechStarted): _overlap_again,
    (Floor.DUCKED, SpeechPaused): _overlap_pauses,
    (Floor.DUCKED, PauseJudged): _overlap_facts,
    (Floor.DUCKED, WordsRead): _overlap_facts,
    (Floor.DUCKED, OverlapJudged): _overlap_judged,
    (Floor.DUCKED, Retracted): _stay,
    (Floor.DUCKED, Tick): _overlap_goes_on,
    (Floor.OPEN, AgentStarted): _agent_takes_floor,
    (Floor.OPEN, AgentFinished): _stay,
    (Floor.OPEN, SpeechStarted): _caller_takes_floor,
    (Floor.OPEN, SpeechPaused): _stay,
    (Floor.OPEN, PauseJudged): _stay,
    (Floor.OPEN, WordsRead): _stay,
    (Floor.OPEN, OverlapJudged): _stay,
    (Floor.OPEN, Retracted): _stay,
    (Floor.OPEN, Tick): _waiting,
    (Floor.CALLER, AgentStarted): _agent_starts_over_caller,
    (Floor.CALLER, AgentFinished): _stay,
    (Floor.CALLER, SpeechStarted): _stay,
    (Floor.CALLER, SpeechPaused): _pause_begins,
    (Floor.CALLER, PauseJudged): _stay,
    (Floor.CALLER, WordsRead): _stay,
    (Floor.CALLER, OverlapJudged): _stay,
    (Floor.CALLER, Retracted): _stay,
    (Floor.CALLER, Tick): _speech_goes_on,
    (Floor.PAUSED, AgentStarted): _agent_takes_floor,
    (Floor.PAUSED, AgentFinished): _stay,
    (Floor.PAUSED, SpeechStarted): _caller_goes_on,
    (Floor.PAUSED, SpeechPaused): _stay,
    (Floor.PAUSED, PauseJudged): _judgement,
    (Floor.PAUSED, WordsRead): _words_read,
    (Floor.PAUSED, OverlapJudged): _stay,
    (Floor.PAUSED, Retracted): _stay,
    (Floor.PAUSED, Tick): _pause_goes_on,
    (Floor.THINKING, AgentStarted): _agent_takes_floor,
    (Floor.THINKING, AgentFinished): _floor_opens,
    (Floor.THINKING, SpeechStarted): _speaks_again,
    (Floor.THINKING, SpeechPaused): _overlap_ends,
    (Floor.THINKING, PauseJudged): _stay,
    (Floor.THINKING, WordsRead): _stay,
    (Floor.THINKING, OverlapJudged): _stay,
    (Floor.THINKING, Retracted): _turn_was_not_over,
    (Floor.THINKING, Tick): _stay,
}
