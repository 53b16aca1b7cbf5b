"""False cut-offs: numbers dictated with pauses and sentences with hesitations, and what patience costs."""

import random
from dataclasses import dataclass

import numpy as np

from voiceplane.testing.bench.caller import RATE, Act, Deed, Held, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import first_after, pause
from voiceplane.testing.phone.audio import Samples

DIGITS = "zero one two three four five six seven eight nine".split()
NUMBERS = ("456721", "731004", "118346", "900127")  # the parcels that the example's system knows
GROUPS = ((3, 3), (2, 2, 2), (1, 2, 3), (3, 2, 1), (4, 2), (1, 1, 1, 1, 1, 1))
SENTENCES = (
    ("I would like to", "um", "change the delivery day."),
    ("Can you tell me", "where my parcel is?"),
    ("I am calling about", "uh", "a package that has not arrived."),
    ("My parcel was to come on Monday and", "I want to change the day."),
    ("What are", "your opening hours?"),
    ("Could you", "um", "track my package?"),
    ("I wanted to know if", "you are open on Sunday."),
    ("So the thing is", "I will not be home that day."),
    ("I ordered a lamp last week and", "it has not come yet."),
    ("Is it possible", "to get it on another day?"),
    ("My neighbor said that", "uh", "the driver was here."),
    ("What happens with my parcel when", "I am not at home?"),
    ("The number that I have", "is on the card."),
    ("Does your shop", "um", "open on Saturday evening?"),
    ("I need", "to speak to someone about the insurance."),
    ("How do I", "pack a box with glass in it?"),
)
AT_ONCE = 2
A_CALL = 3  # of each kind


@dataclass(frozen=True, slots=True)
class Pieces:
    """Words with the pauses after each, in seconds."""

    words: tuple[str, ...]
    pauses: tuple[float, ...]

    @property
    def text(self) -> str:
        """Write the words with their pauses."""
        pauses = [f" ({seconds:.1f} s) " for seconds in self.pauses] + [""]
        return "".join(word + gap for word, gap in zip(self.words, pauses, strict=True))


def dictated(number: str, groups: tuple[int, ...], dice: random.Random) -> Pieces:
    """Divide a number into groups with pauses of 0.3 to 1.2 s."""
    words, at = [], 0
    for size in groups:
        words.append(" ".join(DIGITS[int(digit)] for digit in number[at : at + size]))
        at += size
    longest = 1.2 if len(groups) <= 3 else 0.6
    return Pieces(tuple(words), tuple(dice.uniform(0.3, longest) for _ in words[1:]))


def hesitant(pieces: tuple[str, ...], dice: random.Random) -> Pieces:
    """Put pauses of 0.3 to 0.9 s into a sentence."""
    return Pieces(pieces, tuple(dice.uniform(0.3, 0.9) for _ in pieces[1:]))


async def spoken(place: Place, pieces: Pieces, voice: str) -> Samples:
    """Return the sound of pieces with exactly these pauses between their last and first sounds."""
    parts: list[Samples] = []
    for words, seconds in zip(pieces.words, (*pieces.pauses, 0.0), strict=True):
        parts += [await voiced(place, words, voice), pause(seconds, RATE)]
    return np.concatenate(parts)


async def run(place: Place, effort: Effort) -> list[Line]:
    """Dictate and hesitate, two calls at once."""
    dice = random.Random(17)
    scripts = [
        await script(place, number, VOICES[number % len(VOICES)], dice=dice) for number in range(effort.pick(11, 2))
    ]
    scripts = [acts[:3] for acts in scripts] if effort.quick else scripts
    return lines(await hold_all(place, scripts, AT_ONCE, name="cutoffs"))


async def script(place: Place, number: int, voice: str, *, dice: random.Random) -> list[Act]:
    """Ask for a parcel and dictate its number, then speak hesitantly, and again."""
    acts = []
    for turn in range(A_CALL):
        ask, index = "I am waiting for a package.", number * A_CALL + turn
        acts.append(Act("ask", ask, await voiced(place, ask, voice)))
        digits = dictated(NUMBERS[index % len(NUMBERS)], GROUPS[index % len(GROUPS)], dice)
        acts.append(Act("digits", digits.text, await spoken(place, digits, voice)))
        sentence = hesitant(SENTENCES[index % len(SENTENCES)], dice)
        acts.append(Act("hesitation", sentence.text, await spoken(place, sentence, voice)))
    return acts


def lines(calls: list[Held]) -> list[Line]:
    """Return the table's lines."""
    kinds = {"digits": "digits dictated with pauses", "hesitation": "sentences with hesitations"}
    cases = {kind: [(c, d) for c in calls for d in c.deeds if d.act.kind == kind] for kind in kinds}
    both = [cut_off(call, deed) for kind in kinds for call, deed in cases[kind]]
    made = [of_cases("false cut-offs", both, Goal(share=5))]
    for kind, name in kinds.items():
        made.append(of_cases(f"- {name}", [cut_off(call, deed) for call, deed in cases[kind]]))
        waits = [
            heard - deed.end_ms
            for call, deed in cases[kind]
            if not cut_off(call, deed) and (heard := first_after(call.agent_sounds, deed.end_ms)) is not None
        ]
        made.append(Line(f"- wait after {name}", "ms", tuple(waits)))
    return made


def cut_off(call: Held, deed: Deed) -> bool:
    """Say whether an agent sound began before the caller's utterance was over."""
    return any(deed.start_ms < sound.start_ms < deed.end_ms for sound in call.agent_sounds)
