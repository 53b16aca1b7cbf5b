"""Which phrase of the agent may be interrupted, and when: the VoiceAgent's bargeIn, sentence by sentence. Pure."""

import re
from dataclasses import dataclass

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.barge_in import BargeIn, PhraseBargeIn
from voiceplane.contract.sentences import phrases
from voiceplane.planner import ear
from voiceplane.turn.stability import plain_text

_PLACE = "valuethatisfilledin"  # a word that neither the ear nor plain_text changes


@dataclass(frozen=True, slots=True)
class Shield:
    """What of a phrase may not be interrupted: all of it, or what lies in the first milliseconds of it or its turn."""

    first_ms: float | None = None
    of_turn: bool = False


class PhraseShields:
    """The rules of one agent."""

    def __init__(self, spec: VoiceAgentSpec) -> None:
        """Read the agent's rules."""
        self._british = spec.language == "en-GB"
        barge_in: BargeIn = spec.barge_in
        never = [PhraseBargeIn(text=text, mode="never") for text in barge_in.never]
        self._rules = [
            (self._pattern(sentence), _shield(rule.mode, rule.after, of_turn=False))
            for rule in (*barge_in.phrases, *never)
            for sentence in phrases(rule.text)
        ]
        self._usual = _shield(barge_in.mode, barge_in.after, of_turn=True)

    def of(self, phrase: str) -> Shield | None:
        """Return the shield of a phrase as it is spoken; None: it may be interrupted at any time."""
        plain = self._plain(phrase)
        return next((shield for pattern, shield in self._rules if pattern.fullmatch(plain)), self._usual)

    def _plain(self, text: str) -> str:
        return plain_text(ear.written(text, british=self._british))

    def _pattern(self, sentence: str) -> re.Pattern[str]:
        marked = re.sub(r"\{\w+\}", _PLACE, sentence)
        return re.compile(re.escape(self._plain(marked)).replace(_PLACE, ".+"))


def _shield(mode: str, after_s: float, *, of_turn: bool) -> Shield | None:
    return {"always": None, "never": Shield(), "after": Shield(1000 * after_s, of_turn)}[mode]
