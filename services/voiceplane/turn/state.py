"""Where a call stands, as turn.machine and its rules see it: who has the floor, since when, and what was judged."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf

from voiceplane.turn.events import Action, Event
from voiceplane.turn.parameters import TurnParameters
from voiceplane.turn.reading import Reading


class Floor(Enum):
    """Who holds the floor."""

    AGENT = "agent"  # our audio is on the wire
    DUCKED = "ducked"  # the caller makes a sound over us: we are silent, with the rest in hand
    OPEN = "open"  # nobody speaks; the caller is expected to
    CALLER = "caller"  # the caller speaks
    PAUSED = "paused"  # the caller stopped; is the turn over?
    THINKING = "thinking"  # the turn is over; the reply is not on the wire yet
    AWAY = "away"  # a person is asked to take the call: nobody is expected to speak


@dataclass(frozen=True, slots=True)
class TurnState:
    """Where a call stands. `digits` is set by the dialogue, the rest by events."""

    floor: Floor = Floor.THINKING  # the call is answered and the opening line is being prepared
    digits: int = 0  # asked for; 0: none
    pause: int = 0  # pauses seen in this call: a late judgement of an old pause is ignored
    since: float = 0.0  # when this floor began; PAUSED: the last voiced sound
    utterance_since: float = 0.0
    longest_pause_s: float = 0.0  # of those in this utterance after which the caller went on
    probability: float | None = None  # the judge's word about this pause
    reading: Reading | None = None  # the words' sign about this pause
    read_at: float = 0.0  # when they were first read
    haste: float = 0.0  # 0..1: how often of late this caller went on after we took a turn for over
    turn_ended: float = -inf  # when the caller's last turn was taken for over
    sounds: bool = False  # PAUSED: something is heard that may be the caller's next word
    overlap_since: float | None = None  # the caller speaks over the agent since
    overlap: int = 0  # sounds over the agent in this call
    overlap_stage: int = 0  # of the running one: how often it was judged
    overlap_ended: float | None = None  # its last voiced sound, once it has paused
    unread_until: float | None = None  # AGENT: where a sound over it ended whose words are still to come
    overlap_nothing: bool = False  # it is over and named nothing for us: the agent goes on when it stays silent
    aside: tuple[float, float] | None = None  # first and last sound of the last one that was nothing for us
    shield_until: float = 0.0  # the agent's phrase may not be interrupted before
    asked: int = 0


Step = tuple[TurnState, tuple[Action, ...]]
Rule = Callable[[TurnState, Event, TurnParameters], Step]
