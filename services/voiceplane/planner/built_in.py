"""What every agent understands beside its intents: a person, repeat, goodbye, cancel, thanks, help. Used by flow.py."""

from collections.abc import Iterator
from dataclasses import replace

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.dialogue import ReplyEvent
from voiceplane.planner import filling, slots
from voiceplane.planner.intents import (
    CANCEL,
    GOODBYE,
    GREETING,
    HELP,
    PERSON,
    QUESTION,
    READY,
    REPEAT,
    THANKS,
    WAIT,
    WHO,
    plain_goodbye,
)
from voiceplane.planner.pending import Pending
from voiceplane.planner.phrases import (
    ALL_RIGHT,
    GO_AHEAD,
    HELLO,
    HOW,
    NO_HURRY,
    NO_PERSON,
    NOT_DONE,
    WELCOME,
    WHO_I_AM,
    what_it_does,
)
from voiceplane.planner.steps import Steps, Turn, pairs


class BuiltIn:
    """The replies to it, for one agent revision."""

    def __init__(self, spec: VoiceAgentSpec, steps: Steps, pending: Pending) -> None:
        """Reply in the words of this agent."""
        self._spec, self._steps, self._pending = spec, steps, pending

    def answer(self, turn: Turn, text: str, wish: str) -> Iterator[ReplyEvent] | None:
        """Do what every agent understands; None where it is rather an answer to what was asked."""
        state = turn.state
        if wish == PERSON:
            return self.person(turn)
        if wish == REPEAT:
            words = f"{state.last_reply} {state.unheard}".strip() or self._spec.opening
            return self._steps.say(words, state, state.intent)
        if wish == GOODBYE and (not turn.asked or plain_goodbye(text)):
            agrees = turn.asked and not state.asking and slots.yes_or_no(text) is True  # "yes, thank you, bye"
            return None if agrees else self._steps.goodbye(state)
        if wish == CANCEL:
            return self._cancelled(turn)
        if wish in (WHO, HELP, QUESTION, READY):
            return self._about_itself(turn, wish)
        if wish == THANKS and state.asking:
            return self._steps.once_more(state)
        if wish == THANKS and not turn.asked:
            if state.last_reply.startswith(WELCOME):
                return self._steps.goodbye(state)
            more = f"{WELCOME} {self._spec.phrases.anything_else}"
            return self._steps.say(more, replace(state, unsure=0), "")
        if wish == WAIT:
            return self._steps.aside(NO_HURRY, state)
        if wish == GREETING and state.running and not turn.asked:
            return self._pending.still(turn)
        if wish == GREETING:
            words = state.last_reply if turn.asked else HELLO
            return self._steps.say(words, replace(state, unsure=0), state.intent)
        return None

    def _about_itself(self, turn: Turn, wish: str) -> Iterator[ReplyEvent] | None:
        """Say what the agent is and does; a question that is open is asked once more behind it."""
        state = turn.state
        if turn.asked:
            if wish == READY and not state.asking:
                return None  # "I have it", to a yes or no
            return self._steps.once_more(state, {WHO: WHO_I_AM, HELP: what_it_does(self._spec)}.get(wish, ""))
        words = {WHO: f"{WHO_I_AM} {HOW}", HELP: what_it_does(self._spec), QUESTION: GO_AHEAD}.get(wish)
        return None if words is None else self._steps.say(words, replace(state, unsure=0), "")

    def person(self, turn: Turn) -> Iterator[ReplyEvent]:
        """Give the caller to a person, or say that there is none."""
        escalation = self._spec.escalation
        if escalation is not None and escalation.on_request:
            return self._steps.transfer(turn, replace(turn.state, unsure=0), "requested")
        return self._steps.say(f"{NO_PERSON} {self._spec.phrases.anything_else}", turn.closed(), "")

    def _cancelled(self, turn: Turn) -> Iterator[ReplyEvent] | None:
        """Drop what is asked, else what runs, else nothing; None where it answers "anything else?"."""
        more = self._spec.phrases.anything_else
        if turn.asked or self._pending.question(turn) is not None:
            return self.dropped(turn)
        if turn.state.running:
            return self._pending.stop(turn)
        if turn.state.last_reply.endswith(more):
            return None
        return self._steps.say(f"{ALL_RIGHT} {more}", replace(turn.closed(), unheard=""), "")

    def dropped(self, turn: Turn) -> Iterator[ReplyEvent]:
        """Drop the intent at hand with what was said for it."""
        intent = self._spec.intent(turn.state.intent)
        known = filling.without(dict(turn.state.slots), *intent.slots)
        state = replace(turn.closed(), slots=pairs(known), done_intents=turn.state.done_intents)
        return self._steps.say(f"{NOT_DONE} {self._spec.phrases.anything_else}", state, "")
