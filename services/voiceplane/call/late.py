"""Answers of slow tools that come after the conversation has moved on: kept, dropped, or told. For call.talk.

A dropped one is recorded by the tool gateway all the same; the caller is not told.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from voiceplane.call.attempt import Attempt, Event, ToolDone, ToolStarted
from voiceplane.contract.agent import Phrases
from voiceplane.contract.dialogue import DialogueState, Done, HangUp, RunningTool, Say, ToolCall, Transfer
from voiceplane.planner.phrases import ALSO

# A tool ends within 20 s, and a caller does not wish for more than this in that time; the oldest is dropped.
MAX_LATE = 4
PAUSE_S = 0.35  # between what was said last and a late answer: it is another subject


@dataclass(frozen=True, slots=True)
class _Awaited:
    attempt: Attempt
    tool: RunningTool
    said: int = 0  # events of its reply before this tool began: what comes after them is told late


@dataclass(frozen=True, slots=True)
class Told:
    """What a late answer comes to."""

    phrases: tuple[Say, ...]
    state: DialogueState
    transfer: Transfer | None = None
    hang_up: HangUp | None = None


class Late:
    """The replies whose tools still run, oldest first."""

    def __init__(self, dropped: Callable[[Attempt], None]) -> None:
        """Tell `dropped` of each whose answer nobody wants any more."""
        self._dropped = dropped
        self._awaited: list[_Awaited] = []

    @property
    def running(self) -> tuple[RunningTool, ...]:
        """Return the tools that are waited for, as the dialogue's state holds them."""
        return tuple(each.tool for each in self._awaited)

    def __contains__(self, attempt: Attempt) -> bool:
        """Say whether this reply is waited for."""
        return any(each.attempt is attempt for each in self._awaited)

    def before(self, attempt: Attempt, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Return what a reply said before its tool ran; the rest is told later. All, where it is not waited for."""
        return next((events[: each.said] for each in self._awaited if each.attempt is attempt), events)

    def add(self, attempt: Attempt, call: ToolCall) -> None:
        """Wait for a reply whose tool runs."""
        slots = tuple(sorted((name, str(value)) for name, value in json.loads(call.arguments_json).items()))
        so_far = attempt.events.so_far if attempt.events is not None else ()
        begun = (index for index, event in enumerate(so_far) if event == ToolStarted(call))
        self._awaited.append(_Awaited(attempt, RunningTool(call.tool, call.intent, slots), next(begun, len(so_far))))
        if len(self._awaited) > MAX_LATE:
            self._drop(self._awaited[0])

    def keep(self, wanted: tuple[RunningTool, ...]) -> None:
        """Drop those that the dialogue does not want any more."""
        for each in list(self._awaited):
            if each.tool not in wanted:
                self._drop(each)

    async def next(self) -> Attempt:
        """Wait for the first that is complete."""
        pending = {asyncio.create_task(_done(each.attempt), name="late tool"): each for each in self._awaited}
        try:
            if not pending:
                await asyncio.get_running_loop().create_future()  # nothing is waited for: until cancelled
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            return next(each.attempt for task, each in pending.items() if task.done())
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def take(self, attempt: Attempt) -> tuple[Event, ...]:
        """Return what came of it since its tool began, and wait for it no more."""
        said = next((each.said for each in self._awaited if each.attempt is attempt), 0)
        self._awaited = [each for each in self._awaited if each.attempt is not attempt]
        return attempt.events.so_far[said:] if attempt.events is not None else ()

    def close(self) -> None:
        """Drop all."""
        self.keep(())

    def _drop(self, each: _Awaited) -> None:
        self._awaited.remove(each)
        if each.attempt.events is not None:
            each.attempt.events.cancel()
        self._dropped(each.attempt)


async def _done(attempt: Attempt) -> None:
    if attempt.events is not None:
        await attempt.events.done()


def tell(events: tuple[Event, ...], now: DialogueState, phrases: Phrases) -> Told:
    """Put a late answer into the conversation of now: what is asked stays asked, and is asked again after it."""
    ended = next((index for index, event in enumerate(events) if isinstance(event, ToolDone)), len(events))
    after = events[ended + 1 :]
    done = next((event for event in reversed(after) if isinstance(event, Done)), None)
    said = [event for event in after if isinstance(event, Say)]
    if done is None:  # the planner or the tools are away: the caller who waits is told so
        said = said or [Say(phrases.tool_failed, constant=True)]
    transfer = next((event for event in after if isinstance(event, Transfer)), None)
    hang_up = next((event for event in after if isinstance(event, HangUp)), None)
    asked = bool(now.asking or now.confirming or now.confirming_slot)
    texts = [phrase.text for phrase in said]
    goes_on = ALSO in texts and bool(now.also) and not asked  # else the other wish comes later, or came meanwhile
    if ALSO in texts and not goes_on:
        said = [*said[: texts.index(ALSO)], Say(phrases.anything_else, constant=True)]
    if asked and transfer is None:
        hang_up = None  # the caller is in the middle of something else
        said = [phrase for phrase in said if phrase.text != phrases.anything_else]
        said += [Say(now.last_reply)] if now.last_reply else []
    state = _merged(now, done, asked=asked or (ALSO in texts and not goes_on)) if done is not None else now
    return Told((Say(phrases.late, constant=True), *said), state, transfer, hang_up)


def _merged(now: DialogueState, done: Done, *, asked: bool) -> DialogueState:
    finished = [name for name in done.state.done_intents if name == done.intent]
    others = [name for name in now.done_intents if name not in finished]
    state = replace(now, done_intents=(*others, *finished))
    if asked:
        return state
    asks = done.state
    if asks.asking or asks.confirming or asks.confirming_slot:  # it went on with another wish, or asks for a proof
        slots = tuple(sorted({**dict(now.slots), **dict(asks.slots)}.items()))
        return replace(asks, slots=slots, running=now.running, done_intents=state.done_intents)
    return replace(state, intent="" if now.intent in finished else now.intent, last_reply=done.state.last_reply)
