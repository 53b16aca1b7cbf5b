"""The dialogue's state as far as the caller has heard it. Pure."""

import pytest

from voiceplane.call.heard import Planned, as_heard, planned
from voiceplane.contract.dialogue import DialogueState, Done, Say

BEFORE = DialogueState(intent="change-delivery-day", asking="day", last_reply="Which day suits you?")
QUESTION = "Shall I move parcel 4 5 7 to Friday?"
AFTER = DialogueState(intent="change-delivery-day", confirming=True, last_reply=QUESTION)
REPLY = planned(BEFORE, (Say(QUESTION), Done(AFTER, "change-delivery-day")))


def test_a_question_that_was_heard_to_its_end_may_be_answered() -> None:
    assert as_heard(REPLY, QUESTION, whole=True) == AFTER
    assert as_heard(REPLY, f"One moment, please. {QUESTION}", whole=False) == AFTER


@pytest.mark.parametrize("count", range(9))
def test_a_question_that_was_cut_anywhere_cannot_be_confirmed(count: int) -> None:
    words = QUESTION.split()
    assert len(words) == 9
    heard, rest = " ".join(words[:count]), " ".join(words[count:])
    state = as_heard(REPLY, heard, whole=False)
    assert (state.confirming, state.last_reply, state.unheard) == (False, heard, rest)
    assert state.intent == AFTER.intent


def test_the_value_is_the_question_and_is_that_right_is_not() -> None:
    text = "I have 4 5 7. Is that right?"
    after = DialogueState(intent="track-parcel", confirming_slot="parcel_number", last_reply=text)
    reply = planned(BEFORE, (Say("I have 4 5 7."), Say("Is that right?"), Done(after)))
    assert as_heard(reply, "I have 4 5 7. Is", whole=False).confirming_slot == "parcel_number"
    assert as_heard(reply, "I have 4 5", whole=False).confirming_slot == ""


def test_an_aside_that_is_cut_leaves_the_heard_question_standing() -> None:
    reply = planned(AFTER, (Say("Sure, take your time."), Done(AFTER)))
    assert as_heard(reply, "Sure,", whole=False) == AFTER


def test_a_bridge_is_no_part_of_the_reply() -> None:
    state = as_heard(REPLY, "One moment, please. Shall I", whole=False)
    assert (state.last_reply, state.unheard) == ("Shall I", "move parcel 4 5 7 to Friday?")


def test_a_reply_without_its_state_yet_changes_only_what_was_said() -> None:
    before = DialogueState(done_intents=("hours",), last_reply="Hello.")
    state = as_heard(planned(before, (Say("We are open"), Say("from eight."))), "We are", whole=False)
    assert (state.done_intents, state.last_reply, state.unheard) == (("hours",), "We are", "open from eight.")


def test_a_reply_of_no_words_keeps_what_was_planned() -> None:
    assert as_heard(Planned(BEFORE, AFTER), "", whole=False) == AFTER
