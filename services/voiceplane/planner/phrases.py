"""Every phrase that is the same for all callers. Pure."""

from voiceplane.contract.agent import VoiceAgentSpec, placeholders
from voiceplane.contract.proofs import proofs
from voiceplane.contract.sentences import phrases as phrases

EXAMPLES = 3  # more are not kept in mind
WHO_I_AM = "I am an automated assistant."
HOW = "How can I help you?"
NEEDED = "I cannot do that without it."
LOOK_FOR_IT = "Take your time, or say never mind."
LOOK_OR_ASK = "Take your time, or ask for a person."
NAME_A_DAY = "Please name one day, such as Friday, or the third of May."
NOT_HEARD = "Sorry, I did not get that."
HELLO = "Hello. How can I help you?"
GO_AHEAD = "Sure. What can I do for you?"
WHAT_WITH_IT = "What can I do for you?"
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
PROVE = "For that I have to know who you are."
ALSO = "Now to your other request."
NO_MATCH = "That does not match what we have."
_OWN = (
    WHO_I_AM,
    HOW,
    NEEDED,
    LOOK_FOR_IT,
    LOOK_OR_ASK,
    NAME_A_DAY,
    NOT_HEARD,
    HELLO,
    GO_AHEAD,
    WHAT_WITH_IT,
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
    PROVE,
    NO_MATCH,
    ALSO,
)


def constant_phrases(spec: VoiceAgentSpec) -> tuple[str, ...]:
    """Return each phrase that does not depend on the caller: worth synthesizing before anyone calls."""
    texts = [spec.opening, *spec.phrases.model_dump().values(), spec.silence.ask, spec.silence.goodbye, *_OWN]
    texts.append(what_it_does(spec))
    texts += [slot.ask for intent in spec.intents for slot in intent.slots]
    if spec.escalation is not None:
        texts.append(spec.escalation.say)
    templates = [text for intent in spec.intents for text in (intent.reply, intent.confirm) if text]
    fixed = [sentence for text in templates for sentence in phrases(text) if not _filled(sentence)]
    return tuple(dict.fromkeys([*(sentence for text in texts for sentence in phrases(text)), *fixed]))


def what_it_does(spec: VoiceAgentSpec) -> str:
    """Say what a caller may ask for, in the words of the first examples; how he proves who he is goes without."""
    proving = tuple(proofs(spec))
    said = [intent.examples[0].strip(" .?!") for intent in spec.intents if intent not in proving][:EXAMPLES]
    *others, last = said or [spec.intents[0].examples[0]]
    return f"You can say, for example: {'; '.join([*others, 'or ' + last] if others else [last])}."


def _filled(sentence: str) -> bool:
    try:
        return bool(placeholders(sentence)) or "{" in sentence or "}" in sentence
    except ValueError:
        return True  # a brace that another sentence closes
