"""A VoiceAgent as it is spoken: every text that a designer wrote, written for the ear. Pure; call and planner agree."""

from voiceplane.contract.agent import Intent, VoiceAgentSpec, placeholders
from voiceplane.planner import ear


def for_the_ear(spec: VoiceAgentSpec) -> VoiceAgentSpec:
    """Return the agent with "$12" as "twelve dollars" wherever it speaks; names in braces stay."""
    british = spec.language == "en-GB"

    def said(text: str) -> str:
        written = ear.written(text, british=british)
        return written if _names(written) == _names(text) else text

    def intent(each: Intent) -> Intent:
        slots = tuple(slot.model_copy(update={"ask": said(slot.ask)}) for slot in each.slots)
        confirm = None if each.confirm is None else said(each.confirm)
        return each.model_copy(update={"slots": slots, "reply": said(each.reply), "confirm": confirm})

    silence, escalation = spec.silence, spec.escalation
    texts = {name: said(text) for name, text in spec.phrases.model_dump().items()}
    return spec.model_copy(
        update={
            "opening": said(spec.opening),
            "phrases": spec.phrases.model_copy(update=texts),
            "silence": silence.model_copy(update={"ask": said(silence.ask), "goodbye": said(silence.goodbye)}),
            "escalation": escalation and escalation.model_copy(update={"say": said(escalation.say)}),
            "intents": tuple(intent(each) for each in spec.intents),
        }
    )


def _names(text: str) -> tuple[str, ...] | None:
    try:
        return placeholders(text)
    except ValueError:
        return None  # a text that is no template
