"""The caller makes a sound over the agent: fall silent, ask what it is, go on or give the floor. Rules of turn.machine.

Pure, like the machine. A reply that stands but is not on the wire yet is kept back the same way. When the recognizer is
slow the agent goes on before the words of a short sound are known; they are judged when they come, or when it is done.
"""

from dataclasses import replace

from voiceplane.turn.events import (
    BeginUtterance,
    Duck,
    Event,
    Interrupt,
    JudgeOverlap,
    JudgePause,
    OverlapJudged,
    OverlapOver,
    PauseJudged,
    Resume,
    Tick,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused
from voiceplane.turn.overlap import Overlap
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.state import Floor, Step, TurnState


def duck_in_time(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """Fall silent at the first sound of the caller, unless the phrase may not be interrupted yet."""
    if state.overlap_since is None or event.at < state.shield_until:
        return state, ()
    since, paused_s = _heard_since(state, state.overlap_since, parameters)
    ducked = replace(
        state,
        floor=Floor.DUCKED,
        overlap=state.overlap + 1,
        overlap_stage=0,
        overlap_ended=None,
        overlap_nothing=False,
        aside=None,
        unread_until=None,  # its sound is given up for the new one
        utterance_since=since,
        longest_pause_s=paused_s,
        probability=None,
        reading=None,
    )
    return ducked, (Duck(event.at), BeginUtterance(since))


def _heard_since(state: TurnState, began: float, parameters: TurnParameters) -> tuple[float, float]:
    """Return from where on a sound is heard, and the pause in it: "Stop", alone nothing, and "please" are one wish."""
    if state.aside is None or state.floor is not Floor.AGENT:
        return began, 0.0
    first, last = state.aside
    soon = 0.0 <= began - last <= parameters.overlap_joins_s and began - first <= parameters.overlap_longest_s
    return (first, began - last) if soon else (began, 0.0)


def goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """Ask what the sound is at each stage; one that lasts is an interruption, one that is over and unclear is not."""
    assert isinstance(event, Tick) and state.overlap_since is not None
    if state.overlap_ended is not None:
        if event.at - state.overlap_ended >= parameters.overlap_wait_s:
            unread = None if state.overlap_nothing else state.overlap_ended
            return _resume(state, event.at, unread_until=unread)
        return _rests(state, event.at, parameters, sounds=event.sounds)
    since_s = event.at - state.overlap_since
    if since_s >= parameters.interrupt_s:
        return _interrupted(state, event.at, parameters)
    stages = parameters.overlap_stages_s
    if state.overlap_stage < len(stages) and since_s >= stages[state.overlap_stage]:
        judged = replace(state, overlap_stage=state.overlap_stage + 1)
        return judged, (JudgeOverlap(state.overlap, state.overlap_since, False),)
    return state, ()


def pauses(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Ask for the words of a sound that may be over."""
    assert isinstance(event, SpeechPaused)
    paused = replace(state, pause=state.pause + 1, overlap_ended=event.since, probability=None, reading=None)
    return paused, (JudgePause(paused.pause),)


def sounds_again(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Take up a sound that was not over; one that was nothing so far makes the next no longer than it is."""
    paused_s = event.at - state.overlap_ended if state.overlap_ended is not None else 0.0
    again = replace(state, overlap_ended=None, longest_pause_s=max(state.longest_pause_s, paused_s))
    if not state.overlap_nothing:
        return again, ()
    return replace(again, overlap_since=event.at, overlap_stage=0, overlap_nothing=False), ()


def facts(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Keep what is learned of a pause: if it was an interruption, the turn may be over already."""
    if isinstance(event, PauseJudged) and event.pause == state.pause:
        return replace(state, probability=event.probability), ()
    if isinstance(event, WordsRead) and event.pause == state.pause and state.overlap_ended is not None:
        since = state.overlap_since or state.since
        return replace(state, reading=event.reading), (JudgeOverlap(state.overlap, since, True),)
    return state, ()


def judged(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """Do what the name of the sound asks for; one that is nothing for us may be a word's beginning until it rests."""
    assert isinstance(event, OverlapJudged)
    if event.overlap != state.overlap:
        return state, ()
    if event.kind is Overlap.INTERRUPT:
        return _interrupted(state, event.at, parameters)
    if event.kind is Overlap.ECHO or state.overlap_ended is None:
        return _resume(state, event.at)
    return _rests(replace(state, overlap_nothing=True), event.at, parameters, sounds=False)


def _rests(state: TurnState, at: float, parameters: TurnParameters, *, sounds: bool) -> Step:
    """Let the agent go on after a sound that was nothing for us, once it is silent for long enough."""
    assert state.overlap_ended is not None
    if not state.overlap_nothing or sounds or at - state.overlap_ended < parameters.overlap_rest_s - 1e-6:
        return state, ()
    went_on, actions = _resume(state, at)
    return replace(went_on, aside=(state.utterance_since, state.overlap_ended)), actions


def was_hasty(state: TurnState, parameters: TurnParameters) -> TurnState:
    """Remember for the rest of the call that the caller had not finished; it fades with every end that stands."""
    return replace(state, haste=min(1.0, state.haste + parameters.haste_step))


def _interrupted(state: TurnState, at: float, parameters: TurnParameters) -> Step:
    since = state.overlap_since if state.overlap_since is not None else at
    if since - state.turn_ended < parameters.spoke_on_s:
        state = was_hasty(state, parameters)
    return _caller_has_floor(state), (Interrupt(at, since),)


def _caller_has_floor(state: TurnState) -> TurnState:
    """Give the caller the floor, speaking or in a pause."""
    if state.overlap_ended is None:
        return replace(state, floor=Floor.CALLER, since=state.utterance_since, overlap_since=None, asked=0)
    return replace(state, floor=Floor.PAUSED, since=state.overlap_ended, overlap_since=None, asked=0)


def _resume(state: TurnState, at: float, *, unread_until: float | None = None) -> Step:
    resumed = replace(state, floor=Floor.AGENT, overlap_since=None, overlap_ended=None, overlap_nothing=False)
    return replace(resumed, unread_until=unread_until), (Resume(at),)


def words_come_late(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Ask what a sound was that the agent went on over."""
    assert isinstance(event, WordsRead)
    if state.unread_until is None or event.pause != state.pause:
        return state, ()
    return replace(state, reading=event.reading), (JudgeOverlap(state.overlap, state.utterance_since, True),)


def judged_late(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    """Do what the name of such a sound asks for, a phrase that may not be interrupted first."""
    assert isinstance(event, OverlapJudged)
    if state.unread_until is None or event.overlap != state.overlap:
        return state, ()
    if event.kind is not Overlap.INTERRUPT:
        return replace(state, unread_until=None), ()
    if event.at < state.shield_until:
        return state, ()
    return answer_unread(state), (Interrupt(event.at, state.utterance_since),)


def answer_unread(state: TurnState) -> TurnState:
    """Take a sound that the agent went on over for the caller's turn, in its pause: its words may still come."""
    assert state.unread_until is not None
    return replace(state, floor=Floor.PAUSED, since=state.unread_until, unread_until=None, sounds=False, asked=0)


def agent_was_done(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    """Nothing of the agent's turn was left when the caller spoke."""
    return _caller_has_floor(state), (OverlapOver(),)
