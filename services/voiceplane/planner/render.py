"""Words from templates: replies with values for the ear, phrases for the voice, a summary for a person. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from voiceplane.contract.agent import Intent, VoiceAgentSpec
from voiceplane.contract.dialogue import ReplyRequest
from voiceplane.planner import slots

MAX_VALUE = 200  # characters of a tool's value that are read aloud
_ABBREVIATIONS = r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bNo\.)"
_SENTENCE = re.compile(_ABBREVIATIONS + r"(?<=[.!?])\s+(?=\S)")


def fill(template: str, intent: Intent, known: Mapping[str, str], result: Mapping[str, Any]) -> str:
    """Fill a reply: slots for the ear, a result's values as they are; KeyError for a name that nothing fills."""
    values = {name: _said(value) for name, value in result.items() if isinstance(value, str | int | float)}
    for slot in intent.slots:
        if slot.name in known:
            values[slot.name] = slots.spoken(slot, known[slot.name])
    return template.format_map(values)


def _said(value: str | int | float) -> str:
    return " ".join(str(value).replace("{", "(").replace("}", ")").split())[:MAX_VALUE]


def phrases(text: str) -> list[str]:
    """Cut a reply into sentences: each is spoken as soon as it is known."""
    return [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]


def constant_phrases(spec: VoiceAgentSpec) -> tuple[str, ...]:
    """Return every sentence that is the same for all callers: opening, questions, fixed phrases."""
    texts = [spec.opening, *spec.phrases.model_dump().values(), spec.silence.ask, spec.silence.goodbye]
    texts += [slot.ask for intent in spec.intents for slot in intent.slots]
    texts += ["Sorry, I did not get that."]
    if spec.escalation is not None:
        texts.append(spec.escalation.say)
    sentences = [sentence for text in texts for sentence in phrases(text)]
    return tuple(dict.fromkeys([*texts, *sentences]))


def summary(spec: VoiceAgentSpec, request: ReplyRequest, reason: str) -> str:
    """Write one paragraph for the person who takes over. Personal data."""
    state = request.state
    why = {"requested": "The caller asked for a person.", "unsure": "The assistant did not understand the caller."}
    parts = [why.get(reason, "The assistant could not help further.")]
    if state.done_intents:
        parts.append(f"Already handled: {', '.join(state.done_intents)}.")
    if state.intent:
        parts.append(f"Working on: {state.intent}.")
    known = [f"{name} {value}" for name, value in state.slots if "." not in name]
    if known:
        parts.append(f"Known so far: {', '.join(known)}.")
    heard = [turn.text for turn in request.history if turn.speaker == "caller"][-2:]
    if heard:
        parts.append(f'Last words: "{" / ".join(heard)}".')
    return " ".join(parts)
