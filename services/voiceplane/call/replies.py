"""Replies in the making: planner, then tool, then planner again. May begin before the turn is over. Used by call.talk.

A speculative reply stops before a tool that is not marked `speculative` and waits for the turn's end; it is taken when
the final words mean the same, else cancelled: closing its streams stops the planner, the tool and the voice.
"""

import asyncio
import datetime
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from voiceplane.call.patience import retried
from voiceplane.call.pumped import Pumped
from voiceplane.call.recorder import Recorder
from voiceplane.call.site import Site
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    HeardTurn,
    PlannerUnavailableError,
    ReplyEvent,
    ReplyRequest,
    Say,
    ToolCall,
    ToolOutcome,
    ToolReply,
    ToolRequest,
    ToolResult,
    ToolsUnavailableError,
    understood,
)
from voiceplane.runtime.metrics import SPECULATIONS
from voiceplane.turn.stability import plain_text

log = logging.getLogger(__name__)
MAX_ROUNDS = 4  # planner and tools in one turn: a loop between them ends here
HISTORY = 12  # heard turns that the planner sees


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool runs now; the caller may have to be told."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolDone:
    """What a tool brought."""

    call: ToolCall
    reply: ToolReply


Event = ReplyEvent | ToolStarted | ToolDone


@dataclass(slots=True)
class Attempt:
    """One reply in the making."""

    given: CallerSaid
    state: DialogueState
    index: int
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    events: Pumped[Event] | None = None
    told: list[Callable[[], None]] = field(default_factory=list)  # wait for the planner's word; one a pause

    def understood(self) -> bool | None:
        """Say whether the planner understood the words; None while it has not said."""
        for event in self.events.so_far if self.events is not None else ():
            if isinstance(event, Done):
                return understood(self.state, event)
            if isinstance(event, ToolCall):
                return True
        return None


class Replies:
    """Makes the replies of one call; at most one of them is speculative."""

    def __init__(
        self, site: Site, recorder: Recorder, tasks: asyncio.TaskGroup, rehearse: Callable[[Say], None]
    ) -> None:
        """Reply in this call; `rehearse` is told a speculative reply's first phrase."""
        self._site = site
        self._recorder = recorder
        self._tasks = tasks
        self._rehearse = rehearse
        self._speculative = {tool.name for tool in site.bundle.agent.spec.tools if tool.speculative}
        self._attempt: Attempt | None = None

    def speculate(self, given: CallerSaid, state: DialogueState, index: int, *, told: Callable[[], None]) -> None:
        """Begin a reply to words that may be final; `told` is called when the planner has understood, or not."""
        attempt = self._attempt
        if attempt is not None and _same(attempt, given, state, index):
            if attempt.understood() is None and attempt.events is not None and not attempt.events.finished:
                attempt.told.append(told)
            else:
                told()
            return
        self.cancel()
        self._attempt = attempt = Attempt(given, state, index, told=[told])
        attempt.events = Pumped(self._make(attempt), self._tasks, f"speculation-{index}")

    def take(self, given: CallerSaid, state: DialogueState, index: int) -> Attempt:
        """Return the reply to a turn's final words: the one begun before, or a new one."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.events is not None:
            if _same(attempt, given, state, index):
                SPECULATIONS.labels("confirmed").inc()
                attempt.confirmed.set()
                return attempt
            SPECULATIONS.labels("cancelled").inc()
            attempt.events.cancel()
        attempt = Attempt(given, state, index)
        attempt.confirmed.set()
        attempt.events = Pumped(self._make(attempt), self._tasks, f"reply-{index}")
        return attempt

    def cancel(self) -> None:
        """Drop the speculation: the caller speaks on."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.events is not None:
            SPECULATIONS.labels("cancelled").inc()
            attempt.events.cancel()

    def understood(self) -> bool | None:
        """Say whether the words of the running speculation were understood."""
        return self._attempt.understood() if self._attempt is not None else None

    async def _make(self, attempt: Attempt) -> AsyncGenerator[Event, None]:
        question: CallerSaid | ToolResult = attempt.given
        state, first = attempt.state, True
        for _ in range(MAX_ROUNDS):
            tool: ToolCall | None = None
            async for event in self._asked(attempt, state, question):
                if isinstance(event, Say) and first:
                    first = False
                    if not attempt.confirmed.is_set():
                        self._rehearse(event)
                if isinstance(event, ToolCall):
                    tool = event
                if isinstance(event, Done):
                    state = event.state
                yield event
            while attempt.told:
                asyncio.get_running_loop().call_soon(attempt.told.pop())
            if tool is None:
                return
            if tool.tool not in self._speculative:
                await attempt.confirmed.wait()
            yield ToolStarted(tool)
            reply = await self._run_tool(attempt, tool)
            yield ToolDone(tool, reply)
            question = ToolResult(tool.tool, reply.outcome, reply.result_json)
        log.error("planner and tools did not come to an end", extra={"rounds": MAX_ROUNDS})

    async def _asked(
        self, attempt: Attempt, state: DialogueState, question: CallerSaid | ToolResult
    ) -> AsyncGenerator[ReplyEvent, None]:
        """Ask the planner; until its first event another replica may be asked without harm."""
        request = ReplyRequest(
            self._recorder.facts.call_id,
            self._site.agent,
            self._site.bundle.revision,
            attempt.index,
            uuid.uuid4().hex,
            state,
            question,
            datetime.datetime.fromtimestamp(self._site.clock.wall_ns() / 1e9).date().isoformat(),
            tuple(HeardTurn(turn.speaker, turn.text) for turn in self._recorder.turns[-HISTORY:]),
        )
        opened: list[AsyncGenerator[ReplyEvent, None]] = []

        async def begin() -> ReplyEvent:
            stream = self._site.planner.reply(request)
            opened.append(stream)
            return await anext(stream)

        try:
            yield await retried(begin, on=(PlannerUnavailableError,), give_up_s=self._site.patience.give_up_s)
            async for event in opened[-1]:
                yield event
        finally:
            for stream in opened:
                await stream.aclose()

    async def _run_tool(self, attempt: Attempt, call: ToolCall) -> ToolReply:
        facts = self._recorder.facts
        key = uuid.uuid5(uuid.UUID(facts.call_id), f"{attempt.index}/{call.intent}/{call.arguments_json}").hex
        request = ToolRequest(
            facts.call_id,
            self._site.agent,
            self._site.bundle.revision,
            attempt.index,
            call.intent,
            call.tool,
            call.arguments_json,
            key,
        )
        try:
            return await retried(
                lambda: self._site.tools.invoke(request),
                on=(ToolsUnavailableError,),
                give_up_s=self._site.patience.give_up_s / 2,
            )
        except ToolsUnavailableError:
            return ToolReply(ToolOutcome.FAILED, "", "the tool gateway is away", 0)


def _same(attempt: Attempt, given: CallerSaid, state: DialogueState, index: int) -> bool:
    """Say whether an attempt answers this: the same words but for case and punctuation, in the same state."""
    words = plain_text(attempt.given.text) == plain_text(given.text) and attempt.given.keys == given.keys
    return words and attempt.state == state and attempt.index == index
