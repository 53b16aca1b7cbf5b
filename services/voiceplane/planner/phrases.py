"""Every phrase that is the same for all callers. Pure."""

from voiceplane.contract.agent import VoiceAgentSpec, placeholders
from voiceplane.contract.sentences import phrases as phrases

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
NO_MATCH = "That does not match what we have."
_OWN = (
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
)


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
