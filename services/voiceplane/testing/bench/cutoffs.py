"""False cut-offs: numbers dictated with pauses and sentences with hesitations, and what patience costs.

Two sets: the one on whose sentences turn/ was tuned, and held_out's two halves, which nobody has tuned on.
"""

import random

from voiceplane.testing.bench import held_out
from voiceplane.testing.bench.caller import Act, Deed, Held, voiced
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.many import hold_all
from voiceplane.testing.bench.pieces import Pieces, spoken
from voiceplane.testing.bench.place import VOICES, Effort, Place
from voiceplane.testing.bench.sound import first_after

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
KINDS = {"digits": "digits dictated with pauses", "hesitation": "sentences with hesitations"}
AT_ONCE = 4
A_CALL = 3  # of each kind


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


async def run(place: Place, effort: Effort) -> list[Line]:
    """Dictate and hesitate, some calls at once."""
    dice = random.Random(17)
    tuned = [
        await script(place, VOICES[number % len(VOICES)], *_tuned(number, dice)) for number in range(effort.pick(8, 2))
    ]
    fresh = [
        (half.name, await script(place, voice, *half.of(number)))
        for half in held_out.HALVES
        for number, voice in enumerate(half.voices)
    ]
    if effort.quick:
        tuned, fresh = [acts[:3] for acts in tuned], [(name, acts[:3]) for name, acts in (fresh[0], fresh[-1])]
    fresh = fresh * effort.runs
    calls = await hold_all(place, [*tuned, *(acts for _, acts in fresh)], AT_ONCE, name="cutoffs")
    unseen = calls[len(tuned) :]
    halves = {
        half.name: [call for (name, _), call in zip(fresh, unseen, strict=True) if name == half.name]
        for half in held_out.HALVES
    }
    return [*lines(calls[: len(tuned)]), *lines(unseen, of=" of the held-out set"), *_of_halves(halves)]


def _of_halves(halves: dict[str, list[Held]]) -> list[Line]:
    """Return one line of each half: figures from before there were two are comparable to the first's."""
    return [
        of_cases(f"- its {name} half", [cut_off(c, d) for c in calls for d in c.deeds if d.act.kind in KINDS])
        for name, calls in halves.items()
    ]


def _tuned(number: int, dice: random.Random) -> tuple[list[Pieces], list[Pieces]]:
    digits, sentences = [], []
    for index in range(number * A_CALL, (number + 1) * A_CALL):
        digits.append(dictated(NUMBERS[index % len(NUMBERS)], GROUPS[index % len(GROUPS)], dice))
        sentences.append(hesitant(SENTENCES[index % len(SENTENCES)], dice))
    return digits, sentences


async def script(place: Place, voice: str, digits: list[Pieces], sentences: list[Pieces]) -> list[Act]:
    """Ask for a parcel and dictate its number, then speak hesitantly, and again; then the sentences that are left."""
    acts, ask = [], "I am waiting for a package."
    for number, sentence in zip(digits, sentences, strict=False):
        acts.append(Act("ask", ask, await voiced(place, ask, voice)))
        acts.append(Act("digits", number.text, await spoken(place, number, voice)))
        acts.append(Act("hesitation", sentence.text, await spoken(place, sentence, voice)))
    rest = sentences[len(digits) :]
    return acts + [Act("hesitation", each.text, await spoken(place, each, voice)) for each in rest]


def lines(calls: list[Held], *, of: str = "") -> list[Line]:
    """Return the table's lines of one set."""
    cases = {kind: [(c, d) for c in calls for d in c.deeds if d.act.kind == kind] for kind in KINDS}
    both = [cut_off(call, deed) for kind in KINDS for call, deed in cases[kind]]
    made = [of_cases(f"false cut-offs{of}", both, Goal(share=5))]
    for kind, name in KINDS.items():
        made.append(of_cases(f"- {name}{of}", [cut_off(call, deed) for call, deed in cases[kind]]))
        waits = [
            heard - deed.end_ms
            for call, deed in cases[kind]
            if not cut_off(call, deed) and (heard := first_after(call.agent_sounds, deed.end_ms)) is not None
        ]
        made.append(Line(f"- wait after {name}{of}", "ms", tuple(waits)))
    return made


def cut_off(call: Held, deed: Deed) -> bool:
    """Say whether an agent sound began before the caller's utterance was over."""
    return any(deed.start_ms < sound.start_ms < deed.end_ms for sound in call.agent_sounds)
