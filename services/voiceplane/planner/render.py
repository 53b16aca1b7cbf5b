"""Words from templates: replies with values for the ear, and a summary for the person who takes over. Pure.

A tool's result is text from outside: it is shortened, cleaned and spoken, never read as a template or a command.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from voiceplane.contract.agent import Intent, VoiceAgentSpec, placeholders
from voiceplane.contract.dialogue import CallerSaid, DialogueState, HeardTurn, ReplyRequest
from voiceplane.contract.proofs import proof_slots, proofs
from voiceplane.planner import digits, ear, slots, speech
from voiceplane.planner.phrases import constant_phrases as constant_phrases

MAX_VALUE = 200  # characters of a tool's value that are read aloud
TROUBLE, OPERATOR = "trouble", "operator"  # reasons for a transfer that the gateway has, not the planner
_PRICED = re.compile(r"([$€£])\{(\w+)\}")
MAX_RESULT = 65_536  # characters of a result; the tool gateway's own limit is lower


def fill(
    template: str,
    intent: Intent,
    known: Mapping[str, str],
    result: Mapping[str, Any],
    *,
    locale: slots.Locale | None = None,
) -> str:
    """Fill a reply: slots and a result's values for the ear; KeyError for a name that nothing fills."""
    values = {name: _said(value, locale) for name, value in result.items() if isinstance(value, str | int | float)}
    for slot in intent.slots:
        if slot.name in known:
            values[slot.name] = slots.spoken(slot, known[slot.name])
    missing = [name for name in placeholders(template) if not values.get(name)]
    if missing:
        raise KeyError(missing[0])
    for sign, name in _PRICED.findall(template):  # "${price}": the sign and the number are said together
        if isinstance(result.get(name), str | int | float) and name not in known:
            values[name + sign] = _said(f"{sign}{result[name]}", locale)
            template = template.replace(f"{sign}{{{name}}}", f"{{{name}{sign}}}")
    return template.format_map(values)


def read_result(result_json: str) -> dict[str, Any]:
    """Parse a tool's result; ValueError for anything but a JSON object of a bounded size."""
    if len(result_json) > MAX_RESULT:
        raise ValueError("the result is too long")
    try:
        content = json.loads(result_json)
    except RecursionError as error:
        raise ValueError("the result is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("the result is no JSON object")
    return content


def _said(value: str | int | float, locale: slots.Locale | None) -> str:
    """Write a result's value for the ear: no control characters, no mark-up, no figures that a voice would guess at."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = value[: 4 * MAX_VALUE] if isinstance(value, str) else f"{value}"
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    short = " ".join(speech.unmarked(visible).split())[:MAX_VALUE]
    british, today = (False, None) if locale is None else (locale.day_first, locale.today)
    return " ".join(ear.written(short, british=british, today=today).split())


def summary(spec: VoiceAgentSpec, request: ReplyRequest, reason: str) -> str:
    """Write one paragraph for the person who takes over after this request. Personal data."""
    said = request.input
    proving = request.state.intent in {intent.name for intent in proofs(spec)}
    now = (HeardTurn("caller", said.text),) if isinstance(said, CallerSaid) and not proving else ()
    return paragraph(spec, request.state, (*request.history, *now), reason)


def paragraph(spec: VoiceAgentSpec, state: DialogueState, heard: tuple[HeardTurn, ...], reason: str) -> str:
    """Write what was wanted, what is known and done, and the caller's last words as they were heard.

    What proves who calls is for its tool alone: where an agent has such slots, neither they nor spoken digits go on.
    """
    secret = proof_slots(spec)
    why = {
        "requested": "The caller asked for a person.",
        "unsure": "The assistant did not understand the caller.",
        "tool-failure": "A system that the assistant needed did not answer.",
        "intent": f"The caller wants {state.intent or 'something that a person does'}.",
        TROUBLE: "The assistant had a technical problem.",
        OPERATOR: "An operator gave the call to a person.",
    }
    parts = [why.get(reason, "The assistant could not help further.")]
    if state.done_intents:
        parts.append(f"Already handled: {', '.join(state.done_intents)}.")
    if state.intent and reason != "intent":
        parts.append(f"Working on: {state.intent}.")
    known = [f"{name} {value}" for name, value in state.slots if "." not in name and name not in secret]
    if known:
        parts.append(f"Known so far: {', '.join(known)}.")
    said = [turn.text for turn in heard if turn.speaker == "caller" and turn.text][-2:]
    words = [" ".join((digits.hidden(text) if secret else text).split())[:MAX_VALUE] for text in said]
    if words:
        parts.append(f'Last words: "{" / ".join(words)}".')
    return " ".join(parts)
