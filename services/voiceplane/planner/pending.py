"""What is still open when nothing is asked: tools that run, and a question that the caller did not hear. Read by flow.

Pure. A reply that leaves a tool out of `running` wants its answer no more.
"""

from collections.abc import Iterator
from dataclasses import replace

from voiceplane.contract.agent import Intent, VoiceAgentSpec
from voiceplane.contract.dialogue import DialogueState, ReplyEvent, RunningTool
from voiceplane.planner import filling, slots
from voiceplane.planner.filling import CONFIRMED
from voiceplane.planner.intents import Guess
from voiceplane.planner.phrases import STILL, STOPPED, UNDER_WAY
from voiceplane.planner.steps import Steps, Turn, pairs

MAX_ANSWER = 4  # words; more than a bare yes or no says something else


class Pending:
    """What the agent still owes the caller."""

    def __init__(self, spec: VoiceAgentSpec, steps: Steps) -> None:
        """Know this agent."""
        self._spec = spec
        self._steps = steps

    def take(self, turn: Turn, text: str, guess: Guess) -> Iterator[ReplyEvent] | None:
        """Take words that are about a running tool or an unheard question; None for all others."""
        intent = self.question(turn)
        tool = turn.state.running[-1] if turn.state.running else None
        named = guess.intent if guess.sure else ""
        if intent is not None and named in ("", intent.name):
            return self._asked_unheard(turn, intent, text)
        if tool is not None and named in ("", tool.intent):
            return self._about(turn, tool, text, named=bool(named))
        return None

    def question(self, turn: Turn) -> Intent | None:
        """Return the intent whose yes or no was asked for and not heard."""
        state = turn.state
        if turn.asked or not state.unheard or not state.intent:
            return None
        intent = self._spec.intent(state.intent)
        known = dict(state.slots)
        if not all(slot.name in known for slot in intent.slots):
            return None
        unconfirmed = any(slot.confirm and slot.name + CONFIRMED not in known for slot in intent.slots)
        return intent if unconfirmed or intent.confirm is not None else None

    def _asked_unheard(self, turn: Turn, intent: Intent, text: str) -> Iterator[ReplyEvent]:
        """Ask again what nobody heard, with what was put right meanwhile: a yes to it is no yes."""
        known = dict(turn.state.slots)
        corrected = filling.put_right(intent.slots, text, known, turn.locale)
        following = replace(turn.state, slots=pairs(corrected or known), unsure=0)
        return self._steps.advance(turn, intent, following)

    def _about(self, turn: Turn, tool: RunningTool, text: str, *, named: bool) -> Iterator[ReplyEvent] | None:
        """Look again with what the caller puts right; say that the answer is still to come to a bare yes or no."""
        intent = self._spec.intent(tool.intent)
        known = {**dict(turn.state.slots), **dict(tool.slots)}
        corrected = filling.put_right(intent.slots, text, known, turn.locale)
        if corrected is not None:
            return self._steps.advance(turn, intent, replace(turn.state, slots=pairs(corrected), unsure=0))
        if not named and slots.yes_or_no(text) is not None and len(text.split()) <= MAX_ANSWER:
            return self.still(turn)
        return None

    def still(self, turn: Turn) -> Iterator[ReplyEvent]:
        """Say that the answer is still to come."""
        return self._steps.aside(STILL, replace(turn.state, unsure=0))

    def without_lookups(self, turn: Turn) -> Turn:
        """Return the turn of a caller who wants what is looked up no more, but something else."""
        running = tuple(tool for tool in turn.state.running if not self._spec.tool(tool.tool).reads_only)
        return replace(turn, request=replace(turn.request, state=replace(turn.state, running=running)))

    def stop(self, turn: Turn) -> Iterator[ReplyEvent]:
        """Stop waiting for what only reads; what changes something is under way, and its answer will be told."""
        state = turn.state
        kept = tuple(tool for tool in state.running if not self._spec.tool(tool.tool).reads_only)
        if kept == state.running:
            return self._steps.aside(UNDER_WAY, replace(state, unsure=0))
        dropped = next(tool for tool in reversed(state.running) if tool not in kept)
        following = self._forgotten(turn.closed(), dropped)
        words = f"{STOPPED} {self._spec.phrases.anything_else}"
        return self._steps.say(words, replace(following, running=kept), "")

    def _forgotten(self, state: DialogueState, tool: RunningTool) -> DialogueState:
        """Forget what was said for a wish that is taken back."""
        return replace(state, slots=pairs(filling.without(dict(state.slots), *self._spec.intent(tool.intent).slots)))
