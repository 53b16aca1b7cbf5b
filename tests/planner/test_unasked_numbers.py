"""A number that nobody asked for is used: for a wish that was misheard, for the only one it fits, or for the next."""

import pytest
from tests.planner.conversation import Conversation
from tests.planner.test_dialogues import CALL, FOUND

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.dialogue import DialogueState, understood
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.planner.unasked import number

NUMBER = "four five, double two, one zero"
WHAT = "I have 4 5 2 2 1 0. What can I do for you?"
UNSURE = "Sorry, I did not understand that. Could you say it another way?"
AGENT = """
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  intents:
    - name: one
      examples: ["where is my order"]
      slots: [%s]
      tool: look
      reply: "It is {status}."
      %s
    - name: two
      examples: ["I want to identify myself"]
      slots: [%s]
      tool: prove
      reply: "Thank you."
  tools:
    - name: look
      http: {method: %s, url: "http://orders.support.svc/look"}
    - name: prove
      http: {method: POST, url: "http://orders.support.svc/prove"}
      grants: verified
---
apiVersion: voiceplane.dev/v1alpha1
kind: VoicePolicy
metadata: {name: retail, namespace: support}
spec:
  tools: {allow: [look, prove]}
"""
ORDER = '{name: order, type: digits, length: 6, ask: "Which order?"}'
PIN = '{name: pin, type: digits, length: 4, ask: "What is your PIN?"}'


def desk(slot: str = ORDER, *, proof: str = PIN, confirm: str = "", method: str = "GET") -> VoiceAgentSpec:
    return load_bundle(AGENT % (slot, confirm and f'confirm: "{confirm}"', proof, method)).agent.spec


@pytest.mark.parametrize(
    "misheard", ["Where is my barcel?", "where is my car still", "Could you find out what happened to my"]
)
def test_a_number_after_a_misheard_wish_is_taken_for_that_wish(planner: FlowPlanner, misheard: str) -> None:
    talk = Conversation(planner)
    assert talk.say(misheard) == UNSURE
    assert talk.say(NUMBER) == CALL
    assert talk.tool(FOUND).startswith("Parcel 4 5 2 2 1 0 is")


@pytest.mark.parametrize(
    "text", [NUMBER, "452210", "4-5-2-2-1-0.", "it's 45 22 10", "yes, the number is 452 210", "452219, no, 452210"]
)
def test_a_number_that_fits_several_wishes_is_kept_for_the_next(planner: FlowPlanner, text: str) -> None:
    talk = Conversation(planner)
    assert talk.say(text) == WHAT
    assert understood(DialogueState(), talk.done)
    assert talk.say("where is my parcel") == CALL


def test_a_wish_that_changes_something_takes_the_number_and_asks_the_rest(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    talk.say(NUMBER)
    assert talk.say("I want to change the delivery day") == "Which day suits you?"
    assert talk.say("tomorrow").startswith("Shall I move parcel 4 5 2 2 1 0 to Tuesday")


def test_the_same_number_again_is_not_understood_and_leads_to_a_person_at_last(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    assert talk.say(NUMBER) == WHAT
    assert talk.say(NUMBER) == UNSURE
    assert talk.say("hum dee dum").endswith("[transfer unsure]")


@pytest.mark.parametrize(
    "text",
    [
        "four five two two one",  # too short
        "four five two two one zero nine",
        "I waited 45 minutes and then 22 and then 10",  # several numbers
        "my neighbor was born in 1985 and his phone has 452210 in it",  # another wish
    ],
)
def test_other_numbers_are_not_understood(planner: FlowPlanner, text: str) -> None:
    assert Conversation(planner).say(text) == UNSURE


@pytest.mark.parametrize(("keys", "said"), [("452210", WHAT), ("452210#", WHAT), ("45", UNSURE), ("#", UNSURE)])
def test_pressed_keys_count_like_said_ones(planner: FlowPlanner, keys: str, said: str) -> None:
    assert Conversation(planner).press(keys) == said


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (desk(), '[look {"order": "452210"}]'),
        (desk(method="POST", confirm="Shall I look for {order}?"), "Shall I look for 4 5 2 2 1 0?"),
        (desk(ORDER.replace("ask", "confirm: true, ask"), method="POST"), "I have 4 5 2 2 1 0. Is that right?"),
        (desk(method="POST"), WHAT),
        (desk(f"{PIN.replace('pin', 'day')}, {ORDER}"), "What is your PIN?"),
    ],
    ids=["reads only", "asks before it acts", "asks whether it is right", "changes something", "asks for more"],
)
def test_the_only_wish_with_such_a_number_is_begun_where_that_changes_nothing(
    spec: VoiceAgentSpec, said: str, embedder: Embedder
) -> None:
    assert Conversation(FlowPlanner(spec, Understanding(spec, embedder))).say(NUMBER) == said


@pytest.mark.parametrize(
    "proof",
    [
        '{name: pin, type: digits, length: 6, ask: "What is your PIN?"}',
        '{name: customer, type: digits, ask: "What is your customer number?"}',
        '{name: born, type: date, ask: "When were you born?"}',
        ORDER,
    ],
    ids=["a PIN as long", "a number of any length", "a date of birth", "the same slot"],
)
def test_what_may_prove_who_calls_is_never_taken_for_another_number(proof: str, embedder: Embedder) -> None:
    spec = desk(proof=proof)
    talk = Conversation(FlowPlanner(spec, Understanding(spec, embedder)))
    assert number(spec, NUMBER) is None
    assert talk.say(NUMBER) == UNSURE and not talk.state.slots


def test_a_pin_that_nobody_asked_for_is_not_understood(embedder: Embedder) -> None:
    spec = desk()
    talk = Conversation(FlowPlanner(spec, Understanding(spec, embedder)))
    assert talk.say("one two three four") == UNSURE and not talk.state.slots


def test_numbers_that_fit_slots_of_two_names_belong_to_none(bundle: Bundle) -> None:
    spec = desk(f"{ORDER}, {ORDER.replace('order', 'invoice')}")
    assert number(spec, NUMBER) is None
    assert number(bundle.agent.spec, NUMBER) is not None
