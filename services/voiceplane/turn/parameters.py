"""How much silence ends a turn, by what words and sound say: one table. Read by turn.machine. Pure."""

from dataclasses import dataclass, field
from enum import Enum
from math import inf

from voiceplane.turn.reading import Reading


class Sureness(Enum):
    """What the turn model's probability amounts to."""

    SURE = "sure"
    DONE = "done"
    NOT_DONE = "not-done"
    GOING_ON = "going-on"  # nearly sure that more is to come


Patience = dict[tuple[Reading, Sureness], float]


def _patience() -> Patience:
    """Return the silence that ends a turn, in seconds, by what the words and the sound say."""
    read, sure = Reading, Sureness
    table = {
        (read.EXPECTED, sure.SURE): 0.14,
        (read.EXPECTED, sure.DONE): 0.25,
        (read.EXPECTED, sure.NOT_DONE): 0.3,  # also where more is nearly sure: these words are seldom half a sentence
        # A stop's closure inside a word lasts 0.13 s, and a frame passes until something sounds again.
        (read.COMPLETE, sure.SURE): 0.16,
        (read.COMPLETE, sure.DONE): 0.25,
        (read.COMPLETE, sure.NOT_DONE): 0.3,
        # "Monday and", heard as "Monday end": the sound knows, or the recognizer is not sure of the last word.
        (read.COMPLETE, sure.GOING_ON): 0.85,
        (read.DOUBTFUL, sure.SURE): 0.6,
        (read.DOUBTFUL, sure.DONE): 0.6,
        (read.DOUBTFUL, sure.NOT_DONE): 0.7,
        (read.DOUBTFUL, sure.GOING_ON): 0.85,
        (read.COUNTED, sure.SURE): 0.16,
        (read.COUNTED, sure.DONE): 0.16,
        (read.COUNTED, sure.NOT_DONE): 0.2,  # a dictating voice seldom falls at the end: the count says more
        # As long as a pause between groups (up to 1.2 s), and the time to hear that another begins.
        (read.OVERCOUNTED, sure.SURE): 1.35,
        (read.OVERCOUNTED, sure.DONE): 1.35,
        (read.OVERCOUNTED, sure.NOT_DONE): 1.35,
        (read.LACKING, sure.SURE): 1.35,
        (read.LACKING, sure.DONE): 1.35,
        (read.LACKING, sure.NOT_DONE): 1.35,
        (read.BRIEF, sure.SURE): 0.35,
        (read.BRIEF, sure.DONE): 0.4,
        (read.BRIEF, sure.NOT_DONE): 0.5,
        (read.PREFACE, sure.SURE): 1.0,
        (read.PREFACE, sure.DONE): 1.0,
        (read.PREFACE, sure.NOT_DONE): 1.0,
        (read.UNKNOWN, sure.SURE): 0.35,
        (read.UNKNOWN, sure.DONE): 0.5,
        (read.UNKNOWN, sure.NOT_DONE): 1.2,
        (read.MISHEARD, sure.SURE): 0.6,
        (read.MISHEARD, sure.DONE): 0.95,
        (read.MISHEARD, sure.NOT_DONE): 1.3,
        (read.UNCLEAR, sure.SURE): 0.9,
        (read.UNCLEAR, sure.DONE): 0.95,
        (read.UNCLEAR, sure.NOT_DONE): 1.3,
        (read.OPEN, sure.SURE): 1.1,
        (read.OPEN, sure.DONE): 1.3,
        (read.OPEN, sure.NOT_DONE): 1.7,
        # Nobody answers a sound without words: the wait costs nothing, and keeps what was said with what follows.
        (read.EMPTY, sure.SURE): 0.9,
        (read.EMPTY, sure.DONE): 0.95,
        (read.EMPTY, sure.NOT_DONE): 1.3,
    }
    return {(reading, sure.GOING_ON): table[reading, sure.NOT_DONE] for reading in read} | table


@dataclass(frozen=True, slots=True)
class TurnParameters:
    """All times of the machine, in seconds; probabilities 0..1. `voiceplane bench turns` sweeps them."""

    one_breath_s: float = 0.35  # a longer pause inside a number divides its groups; a comma's is shorter
    lacking_in_one_breath_s: float = 0.7  # nobody groups five and one: the missing digit was misheard
    done_probability: float = 0.5  # smart-turn's own threshold
    sure_probability: float = 0.85
    going_on_probability: float = 0.1
    patience: Patience = field(default_factory=_patience)
    max_pause_s: float = 1.7  # a pause this long ends the turn whatever words and sound say
    digits_max_pause_s: float = 2.2  # half a number: the rest is being read from a paper
    unread_s: float = 0.9  # the recognizer has not answered yet: the turn waits at most this long for its reading
    planner_s: float = 0.1  # words are there: a planner on the CPU says what it makes of them within 40 ms, under load
    spoke_on_s: float = 0.8  # who speaks over us so soon after the end of a turn had not finished it
    haste_step: float = 0.5  # of 1, for an end that the caller contradicts
    haste_kept: float = 0.7  # of it, from one end of a turn to the next
    haste_share: float = 0.5  # of every silence: it is longer by so much where haste is 1
    max_utterance_s: float = 60.0
    overlap_stages_s: tuple[float, ...] = (0.2, 0.4, 0.6)  # when a sound over the agent is judged
    overlap_wait_s: float = 0.7  # after such a sound: unclear until then, the agent goes on
    overlap_rest_s: float = 0.25  # after one that is nothing for us: "Stop," and "Ex-" alone are not; more may come
    overlap_joins_s: float = 0.6  # a sound so soon after such a one is heard together with it
    overlap_longest_s: float = 2.0  # of what is heard together: a room's noises are no sentence
    interrupt_s: float = 0.9  # of continuous sound: the caller has the floor, whatever the recognizer says
    ask_after_s: float = 6.0
    asks: int = 2

    def sureness(self, probability: float | None) -> Sureness:
        """Name a probability; none is as good as not done."""
        if probability is None or probability < self.done_probability:
            surely = probability is not None and probability < self.going_on_probability
            return Sureness.GOING_ON if surely else Sureness.NOT_DONE
        return Sureness.SURE if probability >= self.sure_probability else Sureness.DONE

    def longest_s(self, *, digits: bool) -> float:
        """Return the pause that ends any turn."""
        return self.digits_max_pause_s if digits else self.max_pause_s


def required_silence(
    reading: Reading | None,
    probability: float | None,
    parameters: TurnParameters,
    *,
    digits: bool,
    longest_pause_s: float = inf,
    haste: float = 0.0,
) -> float:
    """Return how long the caller must have been silent for the turn to be over, in seconds.

    `longest_pause_s`: of the pauses that the caller has made in this utterance and gone on after. `haste`: how often
    this caller has gone on after the end of a turn.
    """
    silence = _silence(reading, probability, parameters, digits=digits, longest_pause_s=longest_pause_s)
    return max(silence, min(silence * (1 + parameters.haste_share * haste), parameters.longest_s(digits=digits)))


def _silence(
    reading: Reading | None,
    probability: float | None,
    parameters: TurnParameters,
    *,
    digits: bool,
    longest_pause_s: float,
) -> float:
    """Return what the table says of these words and this sound, for any caller."""
    sureness = parameters.sureness(probability)
    if reading is None:
        return parameters.unread_s if sureness in (Sureness.SURE, Sureness.DONE) else parameters.max_pause_s
    if reading is Reading.OPEN and digits:
        return parameters.digits_max_pause_s
    if reading is Reading.OVERCOUNTED and longest_pause_s < parameters.one_breath_s:
        reading = Reading.COUNTED  # no first group has so many: the number is there, if misheard
    if reading is Reading.LACKING and longest_pause_s < parameters.one_breath_s:
        return min(parameters.lacking_in_one_breath_s, parameters.longest_s(digits=digits))
    return min(parameters.patience[reading, sureness], parameters.longest_s(digits=digits))
