"""Decide who has the floor and when the caller's turn is over. Fed by the gate, the judge and playout; read by call.

Pure: `advance(state, event, parameters)` returns the next state and what to do. Time comes with the events. The table
RULES lists every pair of floor and event; there is no other behaviour.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from voiceplane.turn.gate import SpeechPaused, SpeechStarted


class Floor(Enum):
    """Who holds the floor."""

    AGENT = "agent"  # our audio is on the wire
    OPEN = "open"  # nobody speaks; the caller is expected to
    CALLER = "caller"  # the caller speaks
    PAUSED = "paused"  # the caller stopped; is the turn over?
    THINKING = "thinking"  # the turn is over; the reply is not on the wire yet


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """The first packet of the agent's turn left."""

    at: float


@dataclass(frozen=True, slots=True)
class AgentFinished:
    """The last packet of the agent's turn left, or there was nothing to say."""

    at: float


@dataclass(frozen=True, slots=True)
class PauseJudged:
    """The turn model's answer about one pause: how likely the caller is done, 0..1."""

    at: float
    pause: int
    probability: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; sent with every frame."""

    at: float


Event = AgentStarted | AgentFinished | SpeechStarted | SpeechPaused | PauseJudged | Tick


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """Keep the caller's audio from here on."""

    since: float


@dataclass(frozen=True, slots=True)
class JudgePause:
    """Ask the turn model and the recognizer about the audio so far."""

    pause: int


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The caller's turn is over: `spoken_until` is the last sound, `reason` is judged, silence or too-long."""

    at: float
    spoken_until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The caller took the floor while the agent spoke: fade the agent out."""

    at: float
    overlap_since: float


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The caller says nothing: ask whether somebody is there."""

    count: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The caller said nothing after every question: let go politely."""


Action = BeginUtterance | JudgePause | EndTurn | Interrupt | AskAgain | GiveUp


@dataclass(frozen=True, slots=True)
class TurnParameters:
    """All times of the machine, in seconds; probabilities 0..1."""

    done_probability: float = 0.5  # smart-turn's own threshold
    max_pause_s: float = 1.5  # a pause this long ends the turn whatever the judge says
    digits_min_pause_s: float = 0.7  # dictated digits come in groups: the judge alone must not end them
    max_utterance_s: float = 28.0  # whisper hears 30 s
    interrupt_after_s: float = 0.3
    ask_after_s: float = 6.0
    asks: int = 2


@dataclass(frozen=True, slots=True)
class TurnState:
    """Where a call stands. `expects_digits` is set by the dialogue, the rest by events."""

    floor: Floor = Floor.THINKING  # the call is answered and the opening line is being prepared
    expects_digits: bool = False
    pause: int = 0  # pauses seen in this call: a late judgement of an old pause is ignored
    since: float = 0.0  # when this floor began; PAUSED: the last voiced sound
    utterance_since: float = 0.0
    probability: float | None = None  # the judge's word about this pause
    overlap_since: float | None = None  # the caller speaks over the agent since
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
    return replace(state, floor=Floor.CALLER, since=event.at, probability=None), ()


def _overlap_begins(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechStarted)
    return replace(state, overlap_since=event.at), ()


def _overlap_ends(state: TurnState, _event: Event, _parameters: TurnParameters) -> Step:
    return replace(state, overlap_since=None), ()


def _interrupt_in_time(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, Tick)
    since = state.overlap_since
    if since is None or event.at - max(since, state.since) < parameters.interrupt_after_s:
        return state, ()
    begun, actions = _caller_begins(state, since)
    return begun, (Interrupt(event.at, since), *actions)


def _pause_begins(state: TurnState, event: Event, _parameters: TurnParameters) -> Step:
    assert isinstance(event, SpeechPaused)
    paused = replace(state, floor=Floor.PAUSED, pause=state.pause + 1, since=event.since, probability=None)
    return paused, (JudgePause(paused.pause),)


def _judgement(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    assert isinstance(event, PauseJudged)
    if event.pause != state.pause:
        return state, ()
    return _pause_goes_on(replace(state, probability=event.probability), event, parameters)


def _pause_goes_on(state: TurnState, event: Event, parameters: TurnParameters) -> Step:
    """End the turn when judge and patience agree: a done turn at once, digits after a longer pause, else at the end."""
    silent_s = event.at - state.since
    done = state.probability is not None and state.probability >= parameters.done_probability
    patience = parameters.digits_min_pause_s if state.expects_digits else 0.0
    if done and silent_s >= patience:
        return _end_turn(state, event, "judged")
    if silent_s >= parameters.max_pause_s:
        return _end_turn(state, event, "silence")
    return state, ()


def _end_turn(state: TurnState, event: Event, reason: str) -> Step:
    ended = replace(state, floor=Floor.THINKING, since=event.at, overlap_since=None)
    return ended, (EndTurn(event.at, state.since, reason),)


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
    (Floor.AGENT, Tick): _interrupt_in_time,
    (Floor.OPEN, AgentStarted): _agent_takes_floor,
    (Floor.OPEN, AgentFinished): _stay,
    (Floor.OPEN, SpeechStarted): _caller_takes_floor,
    (Floor.OPEN, SpeechPaused): _stay,
    (Floor.OPEN, PauseJudged): _stay,
    (Floor.OPEN, Tick): _waiting,
    (Floor.CALLER, AgentStarted): _agent_starts_over_caller,
    (Floor.CALLER, AgentFinished): _stay,
    (Floor.CALLER, SpeechStarted): _stay,
    (Floor.CALLER, SpeechPaused): _pause_begins,
    (Floor.CALLER, PauseJudged): _stay,
    (Floor.CALLER, Tick): _speech_goes_on,
    (Floor.PAUSED, AgentStarted): _agent_takes_floor,
    (Floor.PAUSED, AgentFinished): _stay,
    (Floor.PAUSED, SpeechStarted): _caller_goes_on,
    (Floor.PAUSED, SpeechPaused): _stay,
    (Floor.PAUSED, PauseJudged): _judgement,
    (Floor.PAUSED, Tick): _pause_goes_on,
    (Floor.THINKING, AgentStarted): _agent_takes_floor,
    (Floor.THINKING, AgentFinished): _floor_opens,
    (Floor.THINKING, SpeechStarted): _overlap_begins,
    (Floor.THINKING, SpeechPaused): _overlap_ends,
    (Floor.THINKING, PauseJudged): _stay,
    (Floor.THINKING, Tick): _stay,
}
