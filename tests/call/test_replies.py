"""Speculation: what is kept, what is stopped and what it is counted as. Planner, tools and voice are scripted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from voiceplane.call.attempt import Attempt
from voiceplane.call.meaning import words
from voiceplane.call.mouth import Chunk
from voiceplane.call.patience import Patience
from voiceplane.call.recorder import CallFacts, Recorder
from voiceplane.call.rehearsal import RehearsedSpeaker
from voiceplane.call.replies import Replies
from voiceplane.call.site import Site
from voiceplane.call.waste import Waste, Work
from voiceplane.contract.audio import Pcm, WordTime
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
    ToolOutcome,
    ToolReply,
    ToolRequest,
)
from voiceplane.contract.ids import new_call_id
from voiceplane.contract.load import load_bundle
from voiceplane.runtime.clock import SystemClock

BUNDLE = load_bundle("""
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  intents:
    - {name: look, examples: ["look"], tool: look-up, reply: "Yes."}
    - {name: book, examples: ["book"], tool: book, reply: "Done."}
  tools:
    - {name: look-up, http: {url: "http://a.svc/a"}, idempotent: true, speculative: true}
    - {name: book, http: {method: POST, url: "http://a.svc/b"}}
""")
EMPTY = DialogueState()
QUESTION = Say("What is the number?")
ASKING = DialogueState(asking="number")
WHICH: list[ReplyEvent] = [QUESTION, Done(ASKING, "look", 0.9)]
LOOK: list[ReplyEvent] = [ToolCall("look-up", "look", "{}"), Done(DialogueState(intent="look"), "look", 1.0)]


@dataclass
class World:
    """Everything outside the call, told what to do; `units` counts what was synthesized, one at each tick."""

    planned: dict[str, list[ReplyEvent]] = field(default_factory=dict)
    result: str = "Here it is."
    asked: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    units: int = 0
    invoked: int = 0
    tool_cancelled: int = 0
    tool_may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        text = request.input.text if isinstance(request.input, CallerSaid) else "(result)"
        self.asked.append(text)
        await asyncio.sleep(0)
        for event in self.planned.get(text, [Say(self.result), Done(EMPTY, "look", 1.0)]):
            yield event

    async def invoke(self, request: ToolRequest) -> ToolReply:
        self.invoked += 1
        try:
            await self.tool_may_end.wait()
        except asyncio.CancelledError:
            self.tool_cancelled += 1
            raise
        return ToolReply(ToolOutcome.OK, "{}", "", 2)

    async def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        self.spoken.append(text)
        while True:
            self.units += 1
            yield Chunk(Pcm(bytes(160), 8000), (WordTime(text, 0.0, 10.0),))
            await asyncio.sleep(0)


@dataclass(frozen=True)
class FakeSite:
    """The parts of a site that replies use."""

    bundle: Any
    clock: Any
    planner: Any
    tools: Any
    agent: str = "support/desk"
    patience: Patience = field(default_factory=Patience)


@dataclass
class Desk:
    """Replies of one call in a scripted world."""

    world: World
    recorder: Recorder
    voice: RehearsedSpeaker
    replies: Replies

    def speculate(self, text: str) -> None:
        self.replies.speculate(CallerSaid(text), EMPTY, 1, told=lambda: None)

    def take(self, text: str) -> Attempt:
        return self.replies.take(CallerSaid(text), EMPTY, 1)

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it did not come to that")

    async def is_still(self) -> bool:
        """Let everything that is cancelled end, then see whether anything is synthesized any more."""
        for _ in range(10):
            await asyncio.sleep(0)
        before = self.world.units
        for _ in range(10):
            await asyncio.sleep(0)
        return self.world.units == before


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    world = World()
    recorder = Recorder(CallFacts(new_call_id(), "", "", "", 0), BUNDLE)
    site = cast(Site, FakeSite(BUNDLE, SystemClock(), world, world))
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        voice = RehearsedSpeaker(world, tasks, recorder.waste)
        made = Desk(world, recorder, voice, Replies(site, recorder, tasks, voice))
        yield made
        made.replies.cancel()


def counted(kind: str) -> float:
    return REGISTRY.get_sample_value("voiceplane_cancelled_work_total", {"kind": kind}) or 0.0


def outcomes(outcome: str) -> float:
    return REGISTRY.get_sample_value("voiceplane_speculations_total", {"outcome": outcome}) or 0.0


async def events(attempt: Attempt) -> list[object]:
    assert attempt.events is not None
    return [event async for event in attempt.events.read()]


async def test_a_cancelled_speculation_stops_its_voice_too(desk: Desk) -> None:
    desk.world.planned["where"] = WHICH
    desk.speculate("where")
    await desk.until(lambda: desk.world.units > 3)

    desk.replies.cancel()

    assert await desk.is_still()


async def test_a_reply_to_other_words_stops_the_voice_of_the_first(desk: Desk) -> None:
    desk.world.planned |= {"where": WHICH, "hello": [Say("Hello to you."), Done(EMPTY, "", 1.0)]}
    desk.speculate("where")
    await desk.until(lambda: desk.world.units > 3)

    await events(desk.take("hello"))

    assert await desk.is_still()


async def test_a_speculation_on_more_words_keeps_the_phrase_that_stays_the_same(desk: Desk) -> None:
    desk.world.planned |= {"where is": WHICH, "where is it": WHICH}
    desk.speculate("where is")
    await desk.until(lambda: desk.world.units > 3)
    desk.speculate("where is it")
    await desk.until(lambda: len(desk.world.asked) == 2)

    async with aclosing(desk.voice.speak(QUESTION.text, constant=False)) as chunks:
        assert await anext(chunks)

    assert desk.world.spoken == ["What is the number?"]


async def test_other_words_with_the_same_reply_use_the_speech_that_was_begun(desk: Desk) -> None:
    desk.world.planned |= {"where is it": WHICH, "so where is it": [QUESTION, Done(ASKING, "look", 0.7)]}
    confirmed, cancelled = outcomes("confirmed"), outcomes("cancelled")
    desk.speculate("where is it")
    await desk.until(lambda: desk.world.units > 3)

    attempt = desk.take("so where is it")
    assert [type(event) for event in await events(attempt)] == [Say, Done]
    async with aclosing(desk.voice.speak("What is the number?", constant=False)) as chunks:
        assert await anext(chunks)
    facts = desk.replies.settle(attempt, used=True, late=False)

    assert desk.world.spoken == ["What is the number?"]
    assert facts == {"voice.speculation.outcome": "confirmed"}
    assert (outcomes("confirmed") - confirmed, outcomes("cancelled") - cancelled) == (1, 0)


async def test_other_words_with_the_same_wish_wait_for_the_tool_that_runs(desk: Desk) -> None:
    desk.world.planned |= {"456, 721": LOOK, "456721": LOOK}
    desk.speculate("456, 721")
    await desk.until(lambda: desk.world.invoked)

    attempt = desk.take("456721")
    await desk.until(lambda: len(desk.world.asked) == 2)
    desk.world.tool_may_end.set()
    brought = await events(attempt)
    desk.replies.settle(attempt, used=True, late=False)

    assert [type(event).__name__ for event in brought] == ["ToolCall", "Done", "ToolStarted", "ToolDone", "Say", "Done"]
    assert (desk.world.invoked, desk.world.tool_cancelled) == (1, 0)
    assert desk.world.asked == ["456, 721", "456721", "(result)"]


async def test_another_wish_stops_the_tool_of_the_first_and_counts_what_it_cost(desk: Desk) -> None:
    desk.world.planned |= {"456": LOOK, "457": WHICH}
    before, attempts = outcomes("cancelled"), counted("tool_attempts")
    desk.speculate("456")
    await desk.until(lambda: desk.world.invoked)

    attempt = desk.take("457")
    assert [type(event) for event in await events(attempt)] == [Say, Done]
    await desk.until(lambda: desk.world.tool_cancelled)
    facts = desk.replies.settle(attempt, used=True, late=False)

    assert facts["voice.speculation.outcome"] == "none"
    assert facts["voice.speculation.cancelled.tool_attempts"] == 1
    assert (outcomes("cancelled") - before, counted("tool_attempts") - attempts) == (1, 1)


async def test_an_adopted_tool_ends_with_the_reply_that_adopted_it(desk: Desk) -> None:
    desk.world.planned |= {"456, 721": LOOK, "456721": LOOK}
    retracted = outcomes("retracted")
    desk.speculate("456, 721")
    await desk.until(lambda: desk.world.invoked)
    attempt = desk.take("456721")
    await desk.until(lambda: attempt.adopted is not None)

    facts = desk.replies.settle(attempt, used=False, late=False)
    await desk.until(lambda: desk.world.tool_cancelled)

    assert facts["voice.speculation.outcome"] == "retracted"
    assert facts["voice.speculation.cancelled.tool_attempts"] == 1
    assert outcomes("retracted") - retracted == 1


async def test_a_confirmed_reply_that_is_retracted_is_no_confirmation_and_its_speech_is_cost(desk: Desk) -> None:
    desk.world.planned["where"] = WHICH
    confirmed, retracted, characters = outcomes("confirmed"), outcomes("retracted"), counted("synthesized_characters")
    desk.speculate("where")
    await desk.until(lambda: desk.world.units > 3)

    attempt = desk.take("Where?")
    facts = desk.replies.settle(attempt, used=False, late=False)

    assert await desk.is_still()
    assert (outcomes("confirmed"), outcomes("retracted")) == (confirmed, retracted + 1)
    assert counted("synthesized_characters") - characters == len("What is the number?")
    told = facts["voice.speculation.cancelled.synthesized_audio_ms"]
    assert isinstance(told, float) and told >= 30.0


async def test_a_tool_that_changes_something_waits_for_the_end_of_the_turn(desk: Desk) -> None:
    desk.world.planned["book"] = [ToolCall("book", "book", "{}"), Done(DialogueState(intent="book"), "book", 1.0)]
    desk.world.tool_may_end.set()
    desk.speculate("book")
    await desk.until(lambda: desk.world.asked)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not desk.world.invoked

    attempt = desk.take("book")
    await desk.until(lambda: desk.world.invoked)
    assert attempt.acting and await events(attempt)


def test_the_cost_of_a_call_is_that_of_its_turns_and_of_what_belongs_to_none() -> None:
    replies, ears = Waste(), Waste()
    replies.add(Work.PLANNER_MS, 20.04)
    assert replies.told() == {"voice.speculation.cancelled.planner_ms": 20.0}
    replies.add(Work.PLANNER_MS, 5)
    replies.add(Work.TOOL_ATTEMPTS, 0)
    ears.add(Work.DECODES, 1)
    assert replies.total(ears) == {
        "voice.speculation.cancelled.planner_ms": 25.0,
        "voice.speculation.cancelled.decodes": 1,
    }
    assert replies.told() == {"voice.speculation.cancelled.planner_ms": 5}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my parcel?", "where's my parcel"),
        ("four five six seven two one", "456721"),
        ("It is four five six, seven two one.", "it's 456721"),
        ("I can't, I'm away", "I cannot. I am away"),
    ],
)
def test_ways_to_write_the_same_words_are_the_same(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("I can", "I can't"), ("456721", "456712"), ("at 4, 5 people", "at 45 people"), ("not 456, 789", "456, not 789")],
)
def test_words_that_may_mean_something_else_are_not_the_same(one: str, other: str) -> None:
    assert words(one) != words(other)
