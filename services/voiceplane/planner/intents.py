"""Which intent a sentence means, or "I am not sure". Cosine to the nearest example, with calibrated thresholds."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceplane.contract.agent import VoiceAgentSpec

Vector = npt.NDArray[np.float32]
# Fitted by tests/planner/calibrate.py on its calibration.yaml; tests/planner/test_words_and_meaning.py holds them.
SURE = 0.46
MARGIN = 0.0  # lead over the second intent; the fit gains nothing from one, and asks more often with one
FAVOUR = 0.12  # lead of an intent that asks for what the sentence has, such as a date
# Of a few intents that have a number in common, which was meant by the misheard words before it: by letters (difflib's
# ratio), else by meaning (cosine), from here and with this lead over the others.
ALIKE = 0.75
LIKELY = 0.3
LEAD = 0.1
CERTAIN = 0.8  # an intent of the agent this near goes before what every agent understands
PERSON_SURE = 0.62  # asking for a person is also understood by meaning, from here

PERSON = "agent:person"
GOODBYE = "agent:goodbye"
REPEAT = "agent:repeat"
THANKS = "agent:thanks"
GREETING = "agent:greeting"
CANCEL = "agent:cancel"
WAIT = "agent:wait"
WHO = "agent:who"  # calls itself an assistant: "are you a robot?"
HELP = "agent:help"  # says what it can do
QUESTION = "agent:question"  # "I have a question"
READY = "agent:ready"  # "I have it now"
_WHO = (
    r"(?:person|human|agent|someone|somebody|people|representative|rep|operator|colleague|advisor|adviser"
    r"|employee|manager"
    r"|supervisor|staff|member of staff|human being|clerk|assistant)"
)
_FIRST = r"^\W*(?:(?:ok|okay|sure|um|uh|hm|well|yes|yeah|please|oh|hmm|sorry|so|and|but|hello|hi|great)\W+)*"
_BEING = r"(?:real |actual |live )?(?:person|human(?: being)?|robot|bot|machine|computer|recording|ai)"
_BUILT_IN = {  # in this order: "no, nothing else, put me through to a person" is for a person
    WHO: re.compile(
        rf"{_FIRST}(?:(?:are you|is this|am i (?:talking|speaking) (?:to|with))(?: just| really)? (?:an? )?{_BEING}"
        rf"|what(?:'?s| is) your name|who(?:'?s| is) (?:speaking|calling|there)"
        rf"|who (?:am i (?:talking|speaking) (?:to|with)|are you|is this|is that|is there))\W*$",
        re.I,
    ),
    PERSON: re.compile(
        rf"\b((?:speak|talk|chat)(?:ing)? (?:to|with) (?:a|an|some|any|the|your)?\s*(?:real|live|human"
        rf"|actual)?\s*{_WHO}\b"
        rf"|(?:real|live|actual|human) (?:person|human|agent|being|operator)|^\W*(?:an? )?(?:human|agent"
        rf"|operator|representative"
        r"|person|customer (?:service|support))(?: please)?\W*$|human being"
        rf"|(?:get|give|put|connect|transfer|pass) me (?:on |through |over )?(?:to |with )?(?:a|an|some|the"
        rf"|your)?\s*(?:real |live )?{_WHO}\b"
        r"|(?:i(?: want| need|'d like| would like)(?: to have)?|(?:can|could|may) i (?:have|get))"
        rf" (?:a|an|some|any)?\s*(?:real |live |actual |human )?{_WHO}"
        r"(?=,? (?:please|now|instead|right now)\b|\W*$|[.;!?])"  # not "a person to sign for it"
        r"|(?:transfer|connect) me\b(?! to (?!an?\b|the\b|some|your))|customer (?:service|support)|not (?:a "
        r")?(?:robot|machine|computer)"
        r"|(?:some|any)(?:one|body)(?: else)? (?:that |who )?i (?:can|could) (?:talk|speak) (?:to|with)"
        r"|(?:don'?t|do not) (?:want|like) to (?:talk|speak) (?:to|with) (?:a|this) (?:machine|robot|computer|bot))",
        re.I,
    ),
    REPEAT: re.compile(
        r"\b(?:say (?:that|it|this)(?: \w+)? again|say again|repeat (?:that|it|this|yourself|the question"
        r"|please)|(?:can|could|would) you (?:please )?repeat"
        r"|what (?:did you (?:just )?say|was (?:that|the question)|did you ask)|what do you mean|come again"
        r"|(?:i )?beg your pardon|pardon(?: me)?\?|one more time|once more"
        r"|(?:tell|give) me (?:that|it) again|what was (?:it|the (?:\w+ )?(?:number|day|date|status|answer)) again"
        r"|(?:didn'?t|did not|couldn'?t|could not) (?:quite )?(?:catch|hear|get|understand) (?:that|you|it|what "
        r"you)|can'?t hear you"
        r"|(?:say|repeat|read|speak|talk|go)(?: \w+){0,3} (?:slower|slowly|louder|up)(?=\W+please\b|\W*$)"
        r"|slow down|too fast)\b"
        r"|^\W*(?:a (?:bit|little) |more )?(?:slower|slowly|louder)(?: please)?\W*$"
        r"|^\W*(?:what|sorry|pardon|repeat|huh|hm|excuse me|again|say what|what'?s that|pardon me)(?: please)?\W*$",
        re.I,
    ),
    CANCEL: re.compile(
        r"\b(?:never ?mind|forget (?:it|that|about it)|cancel (?:that|this|it)|don'?t bother"
        r"|leave it|stop (?:looking|searching|checking|waiting)"
        r"|i(?:'ve| have)? changed my mind(?=\W*$))\b"
        r"|^\W*(?:cancel|stop(?: (?:that|it))?)(?: please)?\W*$",
        re.I,
    ),
    GOODBYE: re.compile(
        r"\b(?:good\s?-?bye|bye(?:[ -]bye)?|that'?s (?:all|it|everything)|that is (?:all|it|everything)"
        r"|that(?:'ll be| will be| would be| was) (?:all|it|everything)"
        r"|nothing (?:else|more|further)|have a (?:nice|good|great|lovely)|see you|take care|i'?m (?:all "
        r")?(?:done|finished|all set)|all set|hang up|no more questions|end (?:the|this) call)\b",
        re.I,
    ),
    WAIT: re.compile(
        r"^\W*(?:(?:ok|okay|sure|um|uh|well|yes|yeah|please|oh|hmm|sorry)\W+)*(?:(?:hang|hold) on|wait|(?:just "
        r")?(?:a|one) "
        r"(?:second|sec|moment|minute)|give me (?:a|one|two) (?:seconds?|secs?|moments?|minutes?)|let me (?:see"
        r"|check|look|think"
        r"|find|get)(?: (?:it|that|the \w+|my \w+))?|i(?:'m| am) looking for it)(?:\W+(?:please|for (?:me|it)|a "
        r"(?:second|sec"
        r"|moment|minute)|let me (?:see|check|look)|up)"
        r"|\W+i(?:'m| am|'ll| will)?(?: just)?(?: going to| have to| need to| must)? (?:find|get|getting|look|check|see"
        r"|search|ask|grab|fetch|write)\b[^?\d]*|\W+i(?:'ve got| have(?: got)?) another call)*\W*$",
        re.I,
    ),
    HELP: re.compile(
        rf"{_FIRST}(?:what (?:all |else )?(?:can|could) (?:you|i)(?: actually)? (?:do|help|ask|say|tell|offer)"
        r"(?: (?:for )?(?:me|you))?(?: with| about| here)?|what do you (?:do|offer)"
        r"|(?:what|which) (?:are my|other) options"
        r"|(?:i need |please )?(?:some )?help(?: me)?|how does (?:this|it|that) work|what are you for)(?: please)?\W*$",
        re.I,
    ),
    QUESTION: re.compile(
        rf"{_FIRST}(?:i (?:just )?(?:have|had|got)|i'?ve got|there is|there'?s) (?:an?|another|one|some)"
        r"(?: more| other| quick| small)? (?:questions?|thing|request)\W*$"
        rf"|{_FIRST}(?:can|could|may) i ask (?:you )?(?:a|something|another)(?: quick)?(?: question)?(?: else)?\W*$",
        re.I,
    ),
    READY: re.compile(
        rf"{_FIRST}(?:i(?:'ve| have)? (?:got|found|have) (?:it|that|the \w+|my \w+)(?: (?:now|here))?"
        r"|i(?:'m| am) (?:ready|back|here)(?: now)?|here (?:it is|i am)|ready)\W*$",
        re.I,
    ),
    THANKS: re.compile(
        r"^\W*(?:(?:ok|okay|great|perfect|good|all right|alright|wonderful|cool|oh)\W+)*(?:thank "
        r"you|thanks|cheers|much appreciated)(?:\W+(?:very much|so much|a lot|you|for your help|for that|that'?s "
        r"great|great))*\W*$",
        re.I,
    ),
    GREETING: re.compile(
        r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|hi there|hello there"
        r"|how are you(?: doing)?(?: today)?|is (?:anyone|anybody) there|are you (?:still )?there"
        r"|(?:can|do) you (?:still )?hear me)"
        r"(?:\W+(?:there|again|hello|hi|how are you(?: doing)?(?: today)?|(?:is )?(?:anyone|anybody) there))*\W*$",
        re.I,
    ),
}
_PLAIN_GOODBYE = re.compile(r"\b(?:good\s?-?bye|bye|hang up|end (?:the|this) call)\b", re.I)
_PERSON_EXAMPLES = (
    "I want to speak to a person",
    "connect me with a human agent",
    "can I talk to someone who works there",
    "get me a customer service representative",
    "let me speak to your supervisor",
)


class Embeds(Protocol):
    """Turns sentences into unit vectors, shape (n, width)."""

    def embed(self, sentences: Sequence[str]) -> Vector:
        """Embed."""
        ...


@dataclass(frozen=True, slots=True)
class Guess:
    """The nearest intent, how near (cosine), and whether that is sure."""

    intent: str
    score: float
    sure: bool


class Understanding:
    """The intents of one agent revision."""

    def __init__(self, spec: VoiceAgentSpec, embedder: Embeds) -> None:
        """Embed the examples once."""
        self._embedder = embedder
        self._names = [intent.name for intent in spec.intents]
        self._examples = [embedder.embed(intent.examples) for intent in spec.intents]
        self._letters = [tuple(example.lower() for example in intent.examples) for intent in spec.intents]
        self._person = embedder.embed(_PERSON_EXAMPLES)
        for choices in {slot.choices for intent in spec.intents for slot in intent.slots if slot.choices}:
            embedder.embed(choices)  # into the embedder's memory, before the first caller waits for it

    def guess(self, text: str, favoured: frozenset[str] = frozenset()) -> Guess:
        """Find the nearest intent, a favoured one first where it is nearly as near; PERSON when that is nearest."""
        vector = self._embedder.embed([text])[0]
        scores = [float((examples @ vector).max()) for examples in self._examples]
        led = [score + FAVOUR * (name in favoured) for name, score in zip(self._names, scores, strict=True)]
        order = sorted(range(len(scores)), key=led.__getitem__, reverse=True)
        best = order[0]
        person = float((self._person @ vector).max())
        if person >= PERSON_SURE and person > scores[best]:
            return Guess(PERSON, person, sure=True)
        margin = led[best] - led[order[1]] if len(order) > 1 else 1.0
        return Guess(self._names[best], scores[best], scores[best] >= SURE and margin >= MARGIN)

    def likeliest(self, text: str, among: Sequence[str]) -> str | None:
        """Return which of a few intents misheard words were probably meant for; None when none leads the others.

        What is misheard is written much like what was said ("where is my barcel"), and else may mean half of it.
        """
        vector = self._embedder.embed([text])[0]
        plain = " ".join(re.findall(r"[\w']+", text.lower()))
        every = [(name, self._examples[index], self._letters[index]) for index, name in enumerate(self._names)]
        few = [each for each in every if each[0] in among]
        alike = {name: max(_alike(plain, example) for example in letters) for name, _, letters in few}
        near = {name: float((examples @ vector).max()) for name, examples, _ in few}
        return _leading(alike, ALIKE) or _leading(near, LIKELY)

    def nearest(self, text: str, choices: Sequence[str]) -> str | None:
        """Return the choice that means what was said; None when that is not sure."""
        scores = self._embedder.embed(choices) @ self._embedder.embed([text])[0]
        order = np.argsort(scores)[::-1]
        sure = scores[order[0]] >= SURE and scores[order[0]] - scores[order[1]] >= 0.1
        return choices[int(order[0])] if sure else None


def _alike(text: str, example: str) -> float:
    return difflib.SequenceMatcher(None, text, example).ratio()


def _leading(scores: Mapping[str, float], least: float) -> str | None:
    """Return the name of the highest score where it is high, and well above the others."""
    order = sorted(scores, key=scores.__getitem__, reverse=True)
    leads = len(order) < 2 or scores[order[0]] >= scores[order[1]] + LEAD
    return order[0] if leads and scores[order[0]] >= least else None


def built_in(text: str) -> str | None:
    """Return the request that every agent understands, if this is one: a person, goodbye, repeat and so on."""
    return next((name for name, pattern in _BUILT_IN.items() if pattern.search(text)), None)


def behind_cancel(text: str) -> str:
    """Return what is said behind the last "forget it": something else, or nothing where it takes back what was said."""
    ends = [match.end() for match in _BUILT_IN[CANCEL].finditer(text)]
    return text[ends[-1] :].strip(" ,.;:!?-") if ends else ""


def plain_goodbye(text: str) -> bool:
    """Say whether this ends the call even where an answer is expected: "that's it" does not."""
    return _PLAIN_GOODBYE.search(text) is not None
