"""Sentences: a reply cut into phrases for the voice, and every phrase that is the same for all callers. Pure."""

import re

from voiceplane.contract.agent import VoiceAgentSpec, placeholders

NOT_HEARD = "Sorry, I did not get that."
HELLO = "Hello. How can I help you?"
GO_AHEAD = "Sure. What can I do for you?"
WELCOME = "You are welcome."
NOT_DONE = "All right, I will not do that."
NO_PERSON = "I am sorry, I cannot connect you with a person on this call."
RIGHT = "Is that right?"
WHICH = "Sorry, what should it be?"
NO_HURRY = "Sure, take your time."
ALL_RIGHT = "All right."
STOPPED = "All right, I have stopped looking."
UNDER_WAY = "That is being done already, so I cannot stop it."
STILL = "I am still waiting for the answer to that."
_OWN = (
    NOT_HEARD,
    HELLO,
    GO_AHEAD,
    WELCOME,
    NOT_DONE,
    NO_PERSON,
    RIGHT,
    WHICH,
    NO_HURRY,
    ALL_RIGHT,
    STOPPED,
    UNDER_WAY,
    STILL,
)

_ABBREVIATED = "Mr Mrs Ms Dr St No Ave Rd Blvd Inc Ltd Co vs etc approx dept est ext Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun".split()  # fmt: skip  # noqa: E501
_BREAK = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=\S)")
_NO_END = re.compile(rf"(?:\b(?:{'|'.join(_ABBREVIATED)})|\b[A-Za-z]|\b[ap]\.m)\.$", re.I)
_CLAUSE = re.compile(r"(?<=[,;:])\s+(?=\S)")
LONG = 160  # characters: about ten seconds of speech; a longer sentence is cut at a comma so that it can begin


def phrases(text: str) -> list[str]:
    """Cut a text into sentences, and long ones at a comma: each is spoken as soon as it is synthesized."""
    found: list[str] = []
    start = 0
    stripped = " ".join(text.split())
    for gap in _BREAK.finditer(stripped):
        before = stripped[start : gap.start()]
        capital = stripped[gap.end()].isupper()
        if _NO_END.search(before) and not (capital and before.lower().endswith(("a.m.", "p.m."))):
            continue  # "Mr. Smith", "No. 5", "John F. Kennedy"
        found += _clauses(stripped[start : gap.end()].strip())
        start = gap.end()
    return found + _clauses(stripped[start:])


def _clauses(sentence: str) -> list[str]:
    if len(sentence) <= LONG:
        return [sentence] if sentence else []
    for gap in _CLAUSE.finditer(sentence):
        if LONG // 4 <= gap.start() <= LONG:
            cut = gap
            return [sentence[: cut.start()], *_clauses(sentence[cut.end() :])]
    return [sentence]


def constant_phrases(spec: VoiceAgentSpec) -> tuple[str, ...]:
    """Return each phrase that does not depend on the caller: worth synthesizing before anyone calls."""
    texts = [spec.opening, *spec.phrases.model_dump().values(), spec.silence.ask, spec.silence.goodbye, *_OWN]
    texts += [slot.ask for intent in spec.intents for slot in intent.slots]
    if spec.escalation is not None:
        texts.append(spec.escalation.say)
    templates = [text for intent in spec.intents for text in (intent.reply, intent.confirm) if text]
    fixed = [sentence for text in templates for sentence in phrases(text) if not _filled(sentence)]
    return tuple(dict.fromkeys([*(sentence for text in texts for sentence in phrases(text)), *fixed]))


def _filled(sentence: str) -> bool:
    try:
        return bool(placeholders(sentence)) or "{" in sentence or "}" in sentence
    except ValueError:
        return True  # a brace that another sentence closes
