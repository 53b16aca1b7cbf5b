"""What callers say beside the point: about the agent, about the question, about not having what is asked for."""

import pytest
from tests.planner.conversation import Conversation
from tests.planner.test_dialogues import CALL

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.dialogue import Done, understood
from voiceplane.contract.load import Bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.planner.phrases import constant_phrases, what_it_does
from voiceplane.planner.slots import yes_or_no

ASK = "What is the six digit parcel number?"
WHO = "I am an automated assistant."
EXAMPLES = "You can say, for example: where is my parcel; I want to change the delivery day; or when are you open."
WITHOUT = f"I cannot do that without it. Take your time, or ask for a person. {ASK}"
FRIDAY = "Shall I move parcel 4 5 2 2 1 0 to Friday, November twenty-seventh?"
WHICH = "Sorry, what should it be?"
MORE = "Is there anything else I can help with?"


def asked_for_a_number(planner: FlowPlanner) -> Conversation:
    talk = Conversation(planner)
    assert talk.say("where is my parcel") == ASK
    return talk


def asked_whether_to_move(planner: FlowPlanner) -> Conversation:
    talk = Conversation(planner)
    for line in ("I want to change the delivery day", "452210"):
        talk.say(line)
    assert talk.say("Friday") == FRIDAY
    return talk


@pytest.mark.parametrize(
    "text",
    ["Are you a real person?", "are you a robot", "Who am I speaking to?", "sorry, who is this?", "Is this a machine?"],
)
def test_a_caller_who_asks_is_told_that_it_is_a_machine(planner: FlowPlanner, text: str) -> None:
    assert Conversation(planner).say(text) == f"{WHO} How can I help you?"
    talk = asked_for_a_number(planner)
    assert talk.say(text) == f"{WHO} {ASK}"
    assert talk.say("452210") == CALL


@pytest.mark.parametrize(
    "text", ["I want a real person", "is there somebody else I could talk to", "I don't want to talk to a machine"]
)
def test_a_wish_for_a_person_is_still_one(planner: FlowPlanner, text: str) -> None:
    assert Conversation(planner).say(text).endswith("[transfer requested]")


@pytest.mark.parametrize("text", ["What can you do?", "I need help", "help me please", "hi, what can I ask you about?"])
def test_the_agent_says_what_it_can_do_in_the_words_of_its_examples(planner: FlowPlanner, text: str) -> None:
    talk = Conversation(planner)
    assert talk.say(text) == EXAMPLES
    assert talk.say("where is my parcel") == ASK


def test_what_the_agent_can_do_is_in_its_cache_and_no_way_to_prove_who_one_is(bundle: Bundle) -> None:
    spec = bundle.agent.spec
    assert EXAMPLES in constant_phrases(spec)
    granting = tuple(t.model_copy(update={"grants": "verified"}) if t.name == "reschedule" else t for t in spec.tools)
    assert "change" not in what_it_does(spec.model_copy(update={"tools": granting}))


@pytest.mark.parametrize("text", ["I have a question", "yes, I have another question", "can I ask you something?"])
def test_a_question_that_is_announced_is_waited_for(planner: FlowPlanner, text: str) -> None:
    assert Conversation(planner).say(text) == "Sure. What can I do for you?"


@pytest.mark.parametrize(
    "text", ["say that slower", "could you speak more slowly, please?", "Slow down!", "louder please"]
)
def test_who_did_not_catch_it_hears_it_again(planner: FlowPlanner, text: str) -> None:
    assert asked_for_a_number(planner).say(text) == ASK


def test_who_did_not_catch_the_opening_hears_it_again(planner: FlowPlanner, bundle: Bundle) -> None:
    assert Conversation(planner).say("what did you say?") == bundle.agent.spec.opening


@pytest.mark.parametrize("text", ["okay", "thank you", "okay, I have it now", "are you still there?", "I'm back"])
def test_a_word_before_the_answer_is_no_misunderstanding(planner: FlowPlanner, text: str) -> None:
    talk = asked_for_a_number(planner)
    assert talk.say(text) == ASK
    assert talk.state.unsure == 0
    assert talk.say("452210") == CALL


@pytest.mark.parametrize("text", ["okay", "yes", "thanks", "I have it now"])
def test_such_a_word_does_not_end_the_turn_that_the_answer_may_follow_in(planner: FlowPlanner, text: str) -> None:
    talk = asked_for_a_number(planner)
    before = talk.state
    talk.say(text)
    assert isinstance(talk.done, Done) and understood(before, talk.done) is False


@pytest.mark.parametrize(
    "text",
    ["just a moment, I have to find it", "hold on, I'm getting the slip", "one moment please, I have another call"],
)
def test_who_looks_for_something_is_waited_for(planner: FlowPlanner, text: str) -> None:
    talk = asked_for_a_number(planner)
    assert talk.say(text) == "Sure, take your time."
    assert talk.say("452210") == CALL


@pytest.mark.parametrize("text", ["hold on, four five two two one zero", "wait, I need to find out when you are open"])
def test_a_wait_with_an_answer_or_a_wish_behind_it_is_no_wait_alone(planner: FlowPlanner, text: str) -> None:
    assert "take your time" not in asked_for_a_number(planner).say(text)


@pytest.mark.parametrize("text", ["I don't have the number", "sorry, I don't know it by heart", "I lost the slip"])
def test_who_has_not_got_what_is_asked_for_is_told_what_can_be_done(planner: FlowPlanner, text: str) -> None:
    talk = asked_for_a_number(planner)
    assert talk.say(text) == WITHOUT
    assert talk.say(text).endswith("[transfer unsure]")


def test_without_a_person_to_ask_for_only_time_is_offered(bundle: Bundle, embedder: Embedder) -> None:
    spec: VoiceAgentSpec = bundle.agent.spec.model_copy(update={"escalation": None})
    talk = asked_for_a_number(FlowPlanner(spec, Understanding(spec, embedder)))
    assert talk.say("no idea").startswith("I cannot do that without it. Take your time, or say never mind.")


@pytest.mark.parametrize("text", ["no, not that one", "that's wrong", "no, that is not right", "No, on cyber D"])
def test_who_says_that_something_is_wrong_is_asked_what_it_should_be(planner: FlowPlanner, text: str) -> None:
    talk = asked_whether_to_move(planner)
    assert talk.say(text) == WHICH
    assert talk.say("yes") == FRIDAY  # no yes to the old values
    assert talk.say(text) == WHICH
    assert talk.say("Monday") == FRIDAY.replace("Friday, November twenty-seventh", "Monday, November thirtieth")
    assert talk.say("no, 452219") == talk.state.last_reply
    assert talk.say("yes").startswith('[reschedule {"day": "2026-11-30", "parcel_number": "452219"}')


@pytest.mark.parametrize("text", ["no", "no, thank you", "no, it's fine", "no, I said no", "No, please don't."])
def test_a_plain_no_drops_it(planner: FlowPlanner, text: str) -> None:
    assert asked_whether_to_move(planner).say(text) == f"All right, I will not do that. {MORE}"


@pytest.mark.parametrize(("text", "answer"), [("US please", True), ("Us.", None), ("Know that's all", False)])
def test_a_yes_and_a_no_are_known_in_the_words_that_a_phone_line_makes_of_them(text: str, answer: bool | None) -> None:
    assert yes_or_no(text) is answer
    assert yes_or_no("Know your number?") is None


def test_a_second_wrong_drops_it(planner: FlowPlanner) -> None:
    talk = asked_whether_to_move(planner)
    assert talk.say("that's wrong") == WHICH
    assert talk.say("that's wrong") == f"All right, I will not do that. {MORE}"


def test_another_day_instead_is_a_correction_and_no_question_about_that_day(planner: FlowPlanner) -> None:
    said = asked_whether_to_move(planner).say("can I do Monday instead?")
    assert said == "Shall I move parcel 4 5 2 2 1 0 to Monday, November thirtieth?"


def test_who_forgets_it_for_something_else_gets_that(planner: FlowPlanner) -> None:
    assert "Monday to Saturday" in asked_for_a_number(planner).say("forget it, I want to know when you are open")
    assert asked_for_a_number(planner).say("I changed my mind").startswith("All right, I will not do that.")


def test_a_wish_that_is_taken_back_in_the_same_breath_is_none(planner: FlowPlanner) -> None:
    said = Conversation(planner).say("where is my parcel 452210 never mind, forget it")
    assert said.startswith("All right.") and "tool" not in said


def test_no_to_what_can_i_do_ends_the_call(planner: FlowPlanner) -> None:
    talk = Conversation(planner)
    talk.say("great")
    assert talk.say("no").endswith("[hang up goodbye]")
