"""Name a sound of the caller over the agent's speech: does it want the floor? Fed by call.listening. Pure."""

import math
import re
from dataclasses import dataclass
from enum import Enum


class Overlap(Enum):
    """What a sound over the agent's speech is."""

    INTERRUPT = "interrupt"
    BACKCHANNEL = "backchannel"
    NOISE = "noise"
    ECHO = "echo"
    SIDE_TALK = "side-talk"


@dataclass(frozen=True, slots=True)
class OverlapFacts:
    """What is known of the sound after `since_s` seconds."""

    since_s: float
    voiced_s: float
    ended: bool
    text: str | None  # None: not recognized yet
    level_db: float | None  # against the caller's usual level; None before the caller's first turn
    answers: bool  # the agent has asked a yes-or-no question: "yes" is an answer
    sure: bool = True  # of the text


_USUAL_FRAMES = 250  # 5 s of voice: the end of a sentence alone is softer than its caller
_KNOWN_FRAMES = 25  # 0.5 s: one "No." may be far louder than what follows


@dataclass(frozen=True, slots=True)
class UsualLevel:
    """How loud one caller's voice is: the mean power of its frames of 20 ms, the newest most."""

    power: float = 0.0
    frames: int = 0

    def follow(self, power: float) -> "UsualLevel":
        """Take the next voiced frame of a turn of the caller."""
        frames = min(self.frames + 1, _USUAL_FRAMES)
        return UsualLevel(self.power + (power - self.power) / frames, frames)

    def over_db(self, power: float) -> float | None:
        """Return how far a sound is over it; None while too little of this voice was heard."""
        if self.frames < _KNOWN_FRAMES:
            return None
        return 10 * math.log10(max(1.0, power) / max(1.0, self.power))


_BACKCHANNELS = frozenset(
    "m mm mhm mmhm hmm hm mmm uh huh uhhuh um yeah yep yes yup ok okay right sure alright ah oh aha i see got it "
    "all good great fine nice cool thanks thank you exactly please".split()
)
# What a recognizer makes of a hum, and what is no wish when nothing follows it.
_NO_WISH = frozenset("and you have the a an i it is in that this so".split())
_ANSWERS = frozenset("yes yeah yep yup no nope right correct sure ok okay exactly".split())
_STOPS = frozenset(
    "no stop wait hold excuse sorry pardon actually hello hey agent operator person help cancel enough quiet "
    "listen question next when please".split()  # "please" alone is a listener's: "chat, please" was "stop, please"
)
SIDE_TALK_DB = -14.0
MEASURED_S = 0.3  # of voice: a sound that began under a shielded sentence is measured from that one's end on
SURE_S = 0.6  # so much continuous voice is no backchannel, whatever the recognizer makes of it
# A recognizer makes words of a hum ("You had.", "What's that?", "Go king."), but unlikely ones. Measured on eight hums
# and short words of a listener, four voices each: likelier than this are words, all else is not.
SURE_WORD = 0.4
SURE_LOGPROB = -1.05


def is_sure(confidence: float, logprob: float) -> bool:
    """Say whether a short sound's words are likely: mean probability of its words, mean logarithm over its tokens."""
    return confidence >= SURE_WORD and logprob >= SURE_LOGPROB


def judge(facts: OverlapFacts) -> Overlap | None:
    """Name the sound; None while it may be either."""
    if facts.level_db is not None and facts.level_db < SIDE_TALK_DB:
        lasted = facts.since_s >= SURE_S and facts.voiced_s >= MEASURED_S
        return Overlap.SIDE_TALK if facts.ended or lasted else None
    words = re.findall(r"[a-z]+", facts.text.lower()) if facts.text is not None else []
    if facts.answers and set(words) & _ANSWERS:
        return Overlap.INTERRUPT
    if words and set(words) <= _BACKCHANNELS:
        return Overlap.BACKCHANNEL if facts.ended else None
    if words and set(words) <= _NO_WISH:
        return Overlap.NOISE if facts.ended else None
    if words and not facts.sure and facts.voiced_s < SURE_S and not set(words) & _STOPS:
        return Overlap.NOISE if facts.ended else None
    if words and (facts.ended or len(words) >= 2 or set(words) & _STOPS):
        return Overlap.INTERRUPT
    if facts.text is not None and facts.ended and not re.search(r"\w", facts.text):
        return Overlap.NOISE
    if facts.text is not None and facts.ended:
        return Overlap.INTERRUPT  # digits: "seven two one"
    if not facts.ended and facts.voiced_s >= SURE_S:
        return Overlap.INTERRUPT
    return None
