"""Utterances that no rule of the end of turn was written on: other words, numbers and voices than cutoffs has.

Written without a look at turn/reading.py. Whoever tunes turn/ reads the figures of this set and leaves its words alone:
a rule that was made for one of them takes the set's worth with it.
"""

from dataclasses import dataclass

from voiceplane.testing.bench import held_out_second
from voiceplane.testing.bench.pieces import Pieces

# At other speeds the recorded voices have other lengths of sound and pause than those of the tuned set.
VOICES = ("kal16@1.15", "slt@1.2", "rms@0.85", "awb@1.15")
# Six digits each, as the agent asks for; pauses in seconds after each piece but the last.
DIGITS = (
    Pieces(("two eight", "zero five", "nine three"), (0.5, 0.6)),
    Pieces(("six one four", "double seven two"), (0.8,)),
    Pieces(("it's eight three nine", "two two six"), (1.0,)),
    Pieces(("let me see", "five oh six", "one nine eight"), (0.9, 0.7)),
    Pieces(("three", "seven", "four", "one", "zero", "six"), (0.4, 0.5, 0.4, 0.6, 0.4)),
    Pieces(("the number is", "nine five two", "six four three"), (0.6, 0.5)),
    Pieces(("zero two eight", "uh", "four one five"), (0.5, 0.6)),
    Pieces(("five five one eight", "zero seven"), (1.1,)),
    Pieces(("eight", "two six zero", "three nine"), (0.7, 0.8)),
    Pieces(("one seven", "I think", "nine four", "two zero"), (0.6, 0.5, 0.7)),
    Pieces(("okay so that is two four", "seven eight", "six one"), (0.5, 0.5)),
    Pieces(("six nine three five", "um", "zero eight"), (0.4, 0.5)),
)
SENTENCES = (
    Pieces(("there was supposed to be", "a box for me yesterday"), (0.7,)),
    Pieces(("I got an email saying", "er", "that my order is delayed"), (0.4, 0.5)),
    Pieces(("would it be okay if", "somebody else picked it up"), (0.6,)),
    Pieces(("the courier left a note", "but I can't read it"), (0.5,)),
    Pieces(("we moved last month so", "the address is wrong"), (0.8,)),
    Pieces(("hi", "I've got a question about a shipment"), (0.5,)),
    Pieces(("is there any way", "that you could bring it after five"), (0.6,)),
    Pieces(("how late", "are your shops open tonight"), (0.4,)),
    Pieces(("my wife sent a package to", "um", "our son in Denver"), (0.5, 0.6)),
    Pieces(("it says delivered", "although nothing is here"), (0.6,)),
    Pieces(("because of the holiday", "we are away until Thursday"), (0.5,)),
    Pieces(("what would it cost", "if I sent two of them"), (0.6,)),
    Pieces(("I'd rather have it", "on Wednesday morning"), (0.5,)),
    Pieces(("please put it", "next to the garage"), (0.6,)),
    Pieces(("can I insure", "uh", "a painting that I sold"), (0.5, 0.4)),
    Pieces(("they told me last week", "that it was on its way"), (0.7,)),
    Pieces(("well", "you see", "the box was open when it came"), (0.4, 0.6)),
    Pieces(("does it matter whether", "the label is handwritten"), (0.6,)),
    Pieces(("I was wondering", "when the next truck comes by"), (0.7,)),
    Pieces(("our office closes at", "four on Fridays"), (0.8,)),
    Pieces(("not this week", "but maybe the one after"), (0.5,)),
    Pieces(("could someone", "call me before they ring the bell"), (0.6,)),
    Pieces(("the thing I ordered", "which was a birthday gift", "never showed up"), (0.5, 0.5)),
    Pieces(("if nobody answers the door", "leave it with the people upstairs"), (0.6,)),
    Pieces(("I need a", "hmm", "a receipt for the last one"), (0.5, 0.6)),
    Pieces(("you told me Tuesday or", "was it Monday"), (0.6,)),
    Pieces(("is a bottle of wine", "something you would take"), (0.7,)),
    Pieces(("my account has", "an old phone number in it"), (0.9,)),
)


@dataclass(frozen=True, slots=True)
class Half:
    """A part of the set with its own voices, so that its figures stay comparable when another is added."""

    name: str
    voices: tuple[str, ...]
    digits: tuple[Pieces, ...]
    sentences: tuple[Pieces, ...]

    def of(self, voice: int) -> tuple[list[Pieces], list[Pieces]]:
        """Return what one of its voices says: numbers and sentences."""
        return list(self.digits[voice :: len(self.voices)]), list(self.sentences[voice :: len(self.voices)])


HALVES = (
    Half("first", VOICES, DIGITS, SENTENCES),
    Half("second", held_out_second.VOICES, held_out_second.DIGITS, held_out_second.SENTENCES),
)
