"""A wider set for the end of turn than cutoffs has: other grammar, cut points, numbers, voices and speeds.

One half is for tuning turn/, the other is only judged on. By the place of the cut, so that a cause shows as a class.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from voiceplane.testing.bench.pieces import Pieces

VOICES = ("kal@0.9", "awb@0.9", "slt@0.95", "rms@1.1", "kal16@1.0")
_DIGITS = "zero one two three four five six seven eight nine".split()
_GROUPS = ((2, 4), (1, 5), (3, 1, 2), (2, 1, 3), (1, 1, 4), (2, 2, 1, 1), (4, 1, 1), (1, 3, 2), (5, 1), (1, 2, 1, 2))
_BEFORE = ("", "It is", "", "The number is", "", "Um", "", "Let me see")
NUMBERS = 40

# Where the caller stops, and the pieces between the stops.
SENTENCES: dict[str, tuple[tuple[str, ...], ...]] = {
    "verb": (
        ("I want to know", "how late I can collect my parcel."),
        ("I think you delivered", "somebody else's box to me."),
        ("Could you explain", "um", "how the insurance works?"),
        ("We have been expecting", "a parcel from Germany."),
        ("You need to bring", "my delivery in the morning."),
        ("I would like to ask", "about the prices for large boxes."),
        ("I keep getting", "er", "the wrong information about my order."),
        ("Please let me know", "when the driver is near."),
        ("I was told", "that my package is lost."),
        ("I am trying to find", "my tracking number."),
        ("Can I pay", "when I pick it up?"),
        ("I have to move", "my delivery to another day."),
    ),
    "preposition": (
        ("There is a problem with", "the parcel that came today."),
        ("I paid for", "um", "delivery before noon."),
        ("The driver left it at", "the house next door."),
        ("I am looking for", "a shop near the station."),
        ("Could it be sent to", "my office instead?"),
        ("It should be here by", "Thursday at the latest."),
        ("I got a message from", "er", "your driver this morning."),
        ("How do I wrap it without", "breaking the glass?"),
        ("My parcel has been in", "the same city for five days."),
        ("I want insurance against", "water and fire."),
    ),
    "article": (
        ("I need to send a", "very heavy box to Boston."),
        ("What does the", "um", "insurance cover?"),
        ("I have lost my", "parcel number."),
        ("Can you check the", "status of two packages?"),
        ("It was delivered to an", "empty house."),
        ("I want to pack some", "old plates in a box."),
        ("Where is the", "nearest parcel shop?"),
        ("We did not get any", "letter from you."),
        ("How much is another", "day of storage?"),
        ("Which of your", "shops is open late?"),
    ),
    "adjective": (
        ("I bought a large", "mirror that is broken."),
        ("My parcel is still", "at the customs office."),
        ("I am really", "er", "unhappy with the service."),
        ("The whole delivery was very", "late last time."),
        ("Can I have an earlier", "delivery on Tuesday?"),
        ("Do you sell small", "boxes for books?"),
        ("It is the second", "time that nobody came."),
        ("I need a different", "delivery day."),
        ("My new", "address is not on the label."),
        ("When is the next", "delivery to our street?"),
    ),
    "name": (
        ("My name is", "Margaret Collins."),
        ("The parcel is for", "Thomas Becker."),
        ("I spoke with", "um", "Jennifer last week."),
        ("I live in", "New Hampshire."),
        ("It comes from a shop called", "Green Garden."),
        ("Please ask for Mister", "Henderson at the door."),
        ("The street is", "Washington Avenue."),
        ("I ordered it from", "er", "Denmark in October."),
    ),
    "number": (
        ("I have been waiting for", "three weeks now."),
        ("The box weighs", "um", "eleven kilos."),
        ("They asked me to pay", "twenty dollars more."),
        ("I am at home after", "half past four."),
        ("My house number is", "seventeen."),
        ("I ordered", "er", "two lamps and a table."),
        ("It was sent on the", "fourteenth of December."),
        ("There should be", "five boxes in total."),
    ),
    "noun": (
        ("The shoes", "that I bought are too small."),
        ("I want to return the lamp", "that came yesterday."),
        ("The package", "which you brought is damaged."),
        ("The blue bag", "um", "in the big box is torn."),
        ("The man", "who delivered it was rude."),
        ("My daughter's present", "has not been delivered."),
        ("The shop", "where I left it is closed."),
        ("One of your drivers", "er", "took it back again."),
    ),
    "whole wish": (
        ("Where is the parcel", "that was sent to my mother?"),
        ("I am waiting for a package", "from my sister in Canada."),
        ("What are your prices", "er", "for sending a bicycle?"),
        ("Are you open", "on public holidays?"),
    ),
    "clause": (
        ("I would like to know if", "you deliver at night."),
        ("Can you tell me whether", "um", "it needs a signature?"),
        ("I am not sure if", "I gave you the right number."),
        ("I believe that", "the label fell off."),
        ("Do you know when", "er", "the driver will be here?"),
        ("I was wondering", "if I can send it back."),
        ("The website says that", "it was delivered."),
        ("Is there a way", "to change the address?"),
        ("I do not understand why", "it takes so long."),
        ("Before I send it", "I have a question."),
        ("If nobody is at home", "um", "where do you leave it?"),
        ("Because I am on holiday", "I cannot take it."),
    ),
    "opening": (
        ("I have two parcels", "and one of them is missing."),
        ("Well", "I do not have the number here."),
        ("Hello", "um", "I need some help with a delivery."),
        ("Good morning", "I am calling because of a letter."),
        ("The first one arrived but", "the second one did not."),
        ("Yes", "I sent a parcel to France."),
        ("I wanted to", "um", "ask you about", "the package for my father."),
        ("My wife", "er", "ordered something and", "it is not here."),
    ),
}
# Said when the agent has asked for a day.
DAYS: tuple[tuple[str, ...], ...] = (
    ("On the", "um", "tenth of January."),
    ("Could you come on", "Wednesday?"),
    ("Let me think", "Tuesday would be good."),
    ("Any day after", "the twelfth."),
    ("It has to be", "er", "a Saturday."),
    ("Next", "Thursday please."),
)
# Without a pause: what patience with the others costs. What was asked, as in turns.DIALOGUES, and the words.
FLUENT: tuple[tuple[str, str], ...] = (
    ("intent", "I want to know where my parcel is."),
    ("intent", "Can you look up my package?"),
    ("intent", "I have to move my delivery to another day."),
    ("question", "Tell me about your prices."),
    ("question", "How much is it to send a box?"),
    ("question", "What is insured?"),
    ("question", "Is the shop open on Sunday?"),
    ("intent", "My order has not come yet."),
    ("question", "How do I pack a box?"),
    ("intent", "I need a different delivery day."),
    ("intent", "I was told that my package is lost."),
    ("intent", "Has it been shipped?"),
    ("question", "When do you close?"),
    ("question", "What does the insurance pay for?"),
    ("intent", "I am not at home on Monday."),
    ("intent", "When will it be here?"),
    ("intent", "I want to speak to a person."),
    ("intent", "I am waiting for a parcel that I ordered."),
    ("date", "Next Tuesday, please."),
    ("date", "On Wednesday."),
    ("date", "The tenth of January."),
    ("date", "Tomorrow would be good."),
    ("yes or no", "Yes, that is right."),
    ("yes or no", "No, that is wrong."),
    ("digits", "Five nine two, eight one four."),
    ("digits", "Six one, one seven, three eight."),
    ("digits", "It is two four zero seven nine five."),
    ("digits", "The number is eight three six, two zero nine."),
    ("digits", "Seven five four one three six."),
    ("digits", "Nine four, six zero, two one, please."),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance of the set."""

    tuning: bool  # else it is only judged on
    kind: str  # digits, hesitation or fluent
    asked: str  # what the agent has asked for
    pieces: Pieces
    voice: str


def said() -> Iterator[Said]:
    """Yield the whole set, the same each time; halves alternate inside each class of cuts."""
    dice, voices = random.Random(29), 0
    for group in (*SENTENCES.values(), DAYS):
        for number, words in enumerate(group):
            pieces = Pieces(words, tuple(dice.uniform(0.3, 0.9) for _ in words[1:]))
            asked = "date" if group is DAYS else ""
            yield Said(number % 2 == 0, "hesitation", asked, pieces, VOICES[voices % len(VOICES)])
            voices += 1
    for number in range(NUMBERS):
        half = number // 2  # a pair has the same groups and another voice: one for each half of the set
        groups, before = _GROUPS[half % len(_GROUPS)], _BEFORE[half % len(_BEFORE)]
        yield Said(number % 2 == 0, "digits", "digits", _dictated(groups, before, dice), VOICES[number % len(VOICES)])
    for number, (asked, line) in enumerate(FLUENT):
        yield Said(number % 2 == 0, "fluent", asked, Pieces((line,), ()), VOICES[number % len(VOICES)])


def _dictated(groups: tuple[int, ...], before: str, dice: random.Random) -> Pieces:
    """Divide a number into groups as people say them: "oh", "double four", and something before it or not."""
    parts = [before] * bool(before) + [_group(size, dice) for size in groups]
    return Pieces(tuple(parts), tuple(dice.uniform(0.3, 0.9) for _ in parts[1:]))


def _group(size: int, dice: random.Random) -> str:
    digits = [dice.randrange(10) for _ in range(size)]
    words, at = [], 0
    while at < size:
        twice = at + 1 < size and digits[at] == digits[at + 1]
        name = "oh" if digits[at] == 0 and dice.random() < 0.5 else _DIGITS[digits[at]]
        words.append(f"double {name}" if twice else name)
        at += 2 if twice else 1
    return " ".join(words)
