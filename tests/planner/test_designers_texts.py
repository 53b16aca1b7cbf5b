"""What a designer writes is spoken as it is said, by the planner, the call and the phrase cache alike."""

from voiceplane.contract.load import load_bundle
from voiceplane.planner.aloud import for_the_ear
from voiceplane.planner.phrases import constant_phrases
from voiceplane.planner.render import fill

SPEC = load_bundle(
    """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: shop, namespace: default}
spec:
  opening: "Delivery is $12 today."
  silence: {ask: "Are you there? We close at 17:30."}
  phrases: {goodbye: "Call us again before 11/24/2026."}
  escalation: {target: "sip:desk@pbx.example", say: "You are 2nd in line."}
  intents:
    - name: order
      examples: ["order a box"]
      slots: [{name: box, type: digits, length: 4, ask: "Which of the 15 boxes?"}]
      confirm: "Box {box} for $3?"
      tool: order
      reply: "Box {box} costs ${price}. You have 14 days."
  tools:
    - name: order
      http: {url: "http://shop/{box}"}
"""
).agent.spec
SAID = for_the_ear(SPEC)


def test_every_text_is_written_for_the_ear_and_names_in_braces_stay() -> None:
    assert SAID.opening == "Delivery is twelve dollars today."
    assert SAID.silence.ask == "Are you there? We close at five thirty PM."
    assert SAID.phrases.goodbye == "Call us again before November twenty-fourth, twenty twenty-six."
    assert SAID.escalation is not None and SAID.escalation.say == "You are second in line."
    (intent,) = SAID.intents
    assert intent.slots[0].ask == "Which of the fifteen boxes?"
    assert intent.confirm == "Box {box} for three dollars?"
    assert intent.reply == "Box {box} costs ${price}. You have fourteen days."
    assert SAID.phrases.unsure == SPEC.phrases.unsure


def test_a_text_that_is_said_already_stays() -> None:
    assert for_the_ear(SAID) == SAID


def test_a_price_from_a_tool_is_said_with_its_sign() -> None:
    (intent,) = SAID.intents
    words = fill(intent.reply, intent, {"box": "4711"}, {"price": 12.5})
    assert words == "Box 4 7 1 1 costs twelve dollars and fifty cents. You have fourteen days."


def test_the_phrase_cache_is_filled_with_what_is_said() -> None:
    phrases = constant_phrases(SAID)
    assert "Delivery is twelve dollars today." in phrases and "You have fourteen days." in phrases
    assert not any("$12" in phrase or "14 days" in phrase for phrase in phrases)
