"""What the caller may say while a tool runs, or over a question that was not heard."""

import pytest
from tests.planner.conversation import Conversation
from tests.planner.test_dialogues import GOODBYE, MORE

from voiceplane.contract.dialogue import DialogueState, RunningTool
from voiceplane.planner.flow import FlowPlanner

STILL = "I am still waiting for the answer to that."
SLOTS = (("parcel_number", "457720"),)
LOOKING = RunningTool("parcel-status", "track-parcel", SLOTS)
DAY = (("day", "2026-11-27"), ("parcel_number", "457720"))
MOVING = RunningTool("reschedule", "change-delivery-day", DAY)
SHALL_I = "Shall I move parcel 4 5 7 7 2 0 to Friday, November twenty-seventh?"


def looking(*done: str) -> DialogueState:
    return DialogueState(intent="track-parcel", slots=SLOTS, running=(LOOKING,), done_intents=done)


@pytest.mark.parametrize("words", ["never mind", "forget it", "cancel that", "stop looking", "Stop.", "no, never mind"])
@pytest.mark.parametrize("done", [(), ("opening-hours",)])
def test_a_tool_that_only_reads_is_stopped_at_a_word(planner: FlowPlanner, words: str, done: tuple[str, ...]) -> None:
    conversation = Conversation(planner, looking(*done))
    assert conversation.say(words) == f"All right, I have stopped looking. {MORE}"
    assert (conversation.state.running, conversation.state.slots, conversation.state.unsure) == ((), (), 0)


@pytest.mark.parametrize("done", [(), ("opening-hours",)])
def test_a_changed_question_runs_the_tool_anew_and_wants_the_old_answer_no_more(
    planner: FlowPlanner, done: tuple[str, ...]
) -> None:
    conversation = Conversation(planner, looking(*done))
    said = conversation.say("No, I meant four five seven seven two one.")
    assert said == '[parcel-status {"parcel_number": "457721"}]'
    assert conversation.state.running == ()


def test_the_same_question_again_waits_for_the_same_answer(planner: FlowPlanner) -> None:
    conversation = Conversation(planner, looking())
    assert conversation.say("where is my parcel") == STILL
    assert conversation.state.running == (LOOKING,)


@pytest.mark.parametrize("words", ["okay", "no", "yes please", "hello?"])
def test_a_word_in_between_neither_ends_the_call_nor_drops_the_answer(planner: FlowPlanner, words: str) -> None:
    conversation = Conversation(planner, looking("opening-hours"))
    assert conversation.say(words) == STILL
    assert conversation.state.running == (LOOKING,)


def test_another_wish_lets_the_tool_run_on(planner: FlowPlanner) -> None:
    conversation = Conversation(planner, looking())
    assert "eight in the morning" in conversation.say("when are you open")
    assert conversation.state.running == (LOOKING,)


def test_what_changes_something_is_not_said_to_be_stopped(planner: FlowPlanner) -> None:
    state = DialogueState(intent="change-delivery-day", slots=DAY, running=(MOVING,))
    conversation = Conversation(planner, state)
    assert conversation.say("never mind") == "That is being done already, so I cannot stop it."
    assert conversation.state.running == (MOVING,)


def test_a_running_tool_that_the_agent_does_not_know_is_forgotten(planner: FlowPlanner) -> None:
    conversation = Conversation(planner, DialogueState(running=(RunningTool("other", "track-parcel", SLOTS),)))
    assert conversation.say("never mind") == f"All right. {MORE}"


def test_never_mind_after_an_answer_does_not_end_the_call(planner: FlowPlanner) -> None:
    conversation = Conversation(planner, DialogueState(done_intents=("track-parcel",), last_reply="Parcel 4 5 7"))
    assert conversation.say("never mind") == f"All right. {MORE}"
    assert conversation.say("never mind") == GOODBYE


@pytest.mark.parametrize("words", ["okay", "yes", "no", "wait okay"])
def test_a_yes_to_a_question_that_was_not_heard_asks_again(planner: FlowPlanner, words: str) -> None:
    state = DialogueState(intent="change-delivery-day", slots=DAY, last_reply="Shall I", unheard="move parcel")
    conversation = Conversation(planner, state)
    assert conversation.say(words) == SHALL_I
    assert conversation.state.confirming and not conversation.state.unheard
    assert conversation.say("yes").startswith("[reschedule")


def test_a_question_that_was_not_heard_is_put_right_or_dropped(planner: FlowPlanner) -> None:
    state = DialogueState(intent="change-delivery-day", slots=DAY, last_reply="Shall I", unheard="move parcel")
    conversation = Conversation(planner, state)
    assert conversation.say("no, four five seven seven two one") == SHALL_I.replace("2 0", "2 1")
    conversation = Conversation(planner, state)
    assert conversation.say("never mind") == f"All right, I will not do that. {MORE}"


def test_say_that_again_says_also_what_was_cut_off(planner: FlowPlanner) -> None:
    state = DialogueState(intent="track-parcel", asking="parcel_number", last_reply="What is the six", unheard="digit?")
    conversation = Conversation(planner, state)
    assert conversation.say("say that again") == "What is the six digit?"
    assert conversation.state.asking and not conversation.state.unheard


def test_a_lookup_that_is_forgotten_for_something_else_is_not_waited_for(planner: FlowPlanner) -> None:
    conversation = Conversation(planner, looking())
    assert "eight in the morning" in conversation.say("Actually, forget it, when are you open?")
    assert conversation.state.running == ()
    conversation = Conversation(planner, looking())
    assert (
        conversation.say("forget it, where is my other parcel 731004") == '[parcel-status {"parcel_number": "731004"}]'
    )
    assert conversation.state.running == ()
