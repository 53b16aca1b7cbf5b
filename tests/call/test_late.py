"""Answers of slow tools: which are waited for, which are dropped, and how one comes into the conversation of then."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from voiceplane.call.attempt import Attempt, Event, ToolDone
from voiceplane.call.late import MAX_LATE, Late, tell
from voiceplane.call.pumped import Pumped
from voiceplane.contract.agent import Phrases
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HangUp,
    RunningTool,
    Say,
    ToolCall,
    ToolOutcome,
    ToolReply,
    Transfer,
)
from voiceplane.planner.phrases import ALSO

PHRASES = Phrases()
LATE = Say(PHRASES.late, constant=True)
STATE = DialogueState(intent="track", last_reply="One.")
CALL = ToolCall("status", "track", '{"number": "1"}')
CAME = ToolDone(CALL, ToolReply(ToolOutcome.OK, "{}", "", 1))
DONE = Done(replace(STATE, intent="", done_intents=("track",), last_reply="It is here."), "track", 1.0)


def call(number: int) -> ToolCall:
    return ToolCall("status", "track", f'{{"number": "{number}"}}')


async def slow(go: asyncio.Event) -> AsyncGenerator[Event, None]:
    await go.wait()
    yield CAME


def attempt(tasks: asyncio.TaskGroup, go: asyncio.Event) -> Attempt:
    made = Attempt(CallerSaid("where is it"), STATE, 1)
    made.events = Pumped(slow(go), tasks, "slow")
    return made


async def test_every_slow_tool_is_waited_for_up_to_the_bound() -> None:
    dropped: list[Attempt] = []
    late, go = Late(dropped.append), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        attempts = [attempt(tasks, go) for _ in range(MAX_LATE + 1)]
        for number, each in enumerate(attempts):
            late.add(each, call(number))
        assert dropped == attempts[:1]
        assert late.running[0] == RunningTool("status", "track", (("number", "1"),))
        go.set()
        for _ in range(MAX_LATE):
            assert late.take(await late.next())
        assert late.running == ()


async def test_what_the_dialogue_leaves_out_is_dropped_and_stops() -> None:
    dropped: list[Attempt] = []
    late, go = Late(dropped.append), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        first, second = attempt(tasks, go), attempt(tasks, go)
        late.add(first, call(1))
        late.add(second, call(2))
        late.keep(late.running[1:])
        assert dropped == [first] and second in late and first not in late
        assert first.events is not None
        await first.events.done()
        late.close()


def test_a_late_answer_is_told_and_counts_as_done() -> None:
    told = tell((CAME, Say("It is here."), DONE), replace(STATE, done_intents=("hours",)), PHRASES)
    assert told.phrases == (LATE, Say("It is here."))
    assert told.state == DialogueState(done_intents=("hours", "track"), last_reply="It is here.")


def test_what_was_asked_meanwhile_is_asked_again_after_it() -> None:
    now = DialogueState(intent="change", asking="day", last_reply="Which day?", done_intents=("hours",))
    told = tell((CAME, Say("It is here."), Say(PHRASES.anything_else), HangUp("intent"), DONE), now, PHRASES)
    assert told.phrases == (LATE, Say("It is here."), Say("Which day?"))
    assert told.state == replace(now, done_intents=("hours", "track")) and told.hang_up is None


def test_a_late_escalation_is_carried_out() -> None:
    transfer = Transfer("tool-failure", "The parcel tool failed.")
    told = tell((CAME, Say("Sorry."), transfer, DONE), STATE, PHRASES)
    assert (told.transfer, told.phrases) == (transfer, (LATE, Say("Sorry.")))


def test_an_answer_that_never_came_is_owned_up_to() -> None:
    told = tell((), STATE, PHRASES)
    assert told.phrases == (LATE, Say(PHRASES.tool_failed, constant=True)) and told.state == STATE


TWO = replace(STATE, also="change")
QUESTION = Say("Which day?")
ON = Done(replace(STATE, intent="change", asking="day", done_intents=("track",), last_reply="Which day?"), "track", 1.0)
BOTH = (CAME, Say("It is here."), Say(ALSO), QUESTION, ON)


def test_a_late_answer_goes_on_with_the_other_wish_of_its_sentence() -> None:
    told = tell(BOTH, replace(TWO, slots=(("number", "1"),), done_intents=("hours",)), PHRASES)
    assert told.phrases == (LATE, Say("It is here."), Say(ALSO), QUESTION)
    assert (told.state.intent, told.state.asking, told.state.also) == ("change", "day", "")
    assert told.state.done_intents == ("hours", "track") and told.state.slots == (("number", "1"),)


def test_the_other_wish_waits_while_something_else_is_asked() -> None:
    now = DialogueState(intent="prove", asking="pin", last_reply="What is your PIN?", also="change")
    told = tell(BOTH, now, PHRASES)
    assert told.phrases == (LATE, Say("It is here."), Say("What is your PIN?"))
    assert told.state == replace(now, done_intents=("track",))


def test_the_other_wish_is_not_served_twice() -> None:
    told = tell(BOTH, replace(STATE, done_intents=("change",)), PHRASES)
    assert told.phrases == (LATE, Say("It is here."), Say(PHRASES.anything_else, constant=True))
    assert not told.state.asking and told.state.done_intents == ("change", "track")


def test_what_two_tools_brought_is_told_in_their_order() -> None:
    other = ToolDone(call(2), ToolReply(ToolOutcome.OK, "{}", "", 1))
    events = (CAME, Say("It is here."), Say(ALSO), replace(ON, state=STATE), other, Say("Two came."), DONE)
    assert tell(events, TWO, PHRASES).phrases == (LATE, Say("It is here."), Say(ALSO), Say("Two came."))
