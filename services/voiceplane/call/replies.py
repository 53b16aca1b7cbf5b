"""Replies in the making: planner, then tool, then planner again. May begin before the turn is over. Used by call.talk.

A speculative reply stops before a tool that is not marked `speculative` and waits for the turn's end; it is taken when
the final words are the same, or the planner replies the same to them; else it is cancelled and counted as waste:
closing its streams stops the planner, the tool and the voice.
"""

import asyncio
import datetime
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from voiceplane.call.attempt import Attempt, Event, ToolDone, ToolStarted
from voiceplane.call.meaning import same_reply
from voiceplane.call.patience import retried
from voiceplane.call.pumped import Pumped
from voiceplane.call.recorder import Recorder
from voiceplane.call.site import Site
from voiceplane.call.waste import Work
from voiceplane.contract.authentication import Authentication
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
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
)
from voiceplane.runtime.metrics import SPECULATIONS

log = logging.getLogger(__name__)
MAX_ROUNDS = 4  # planner and tools in one turn: a loop between them ends here
HISTORY = 12  # heard turns that the planner sees


class Rehearsal(Protocol):
    """The voice of the call, which may begin a phrase before it is wanted."""

    def rehearse(self, text: str) -> None:
        """Begin to synthesize a phrase; one phrase at a time."""
        ...

    def forget(self, *, unless: str = "") -> None:
        """Stop what was begun, unless it is this phrase."""
        ...


class Replies:
    """Makes the replies of one call; at most one of them is speculative."""

    def __init__(self, site: Site, recorder: Recorder, tasks: asyncio.TaskGroup, voice: Rehearsal) -> None:
        """Reply in this call; `voice` rehearses a speculative reply's first phrase."""
        self._site = site
        self._recorder = recorder
        self._tasks = tasks
        self._voice = voice
        self._speculative = {tool.name for tool in site.bundle.agent.spec.tools if tool.speculative}
        self._numbered = {tool.name for tool in site.bundle.agent.spec.tools if tool.caller_number}
        self._grants = {tool.name: tool.grants for tool in site.bundle.agent.spec.tools}
        self._failed_proofs = 0  # kept here too, so that a restart of the tool gateway gives nobody more tries
        # Not the call's id: from that and the rest of a key, which audits hold, a short PIN could be found.
        self._keys = uuid.uuid4()
        self._attempt: Attempt | None = None

    def speculate(self, given: CallerSaid, state: DialogueState, index: int, *, told: Callable[[], None]) -> None:
        """Begin a reply to words that may be final; `told` is called when the planner has understood, or not."""
        before = self._attempt
        if before is not None and before.answers(given, state, index):
            if before.understood() is None and before.events is not None and not before.events.finished:
                before.told.append(told)
            else:
                told()
            return
        if before is not None:
            self._drop(before, "cancelled")  # its phrase is kept until the new reply says whether it is wanted
        self._attempt = attempt = Attempt(given, state, index, speculative=True, told=[told])
        attempt.events = Pumped(self._make(attempt), self._tasks, f"speculation-{index}")

    def take(self, given: CallerSaid, state: DialogueState, index: int) -> Attempt:
        """Return the reply to a turn's final words: the one begun before, or a new one.

        Other words may mean the same: they are asked about at once, and when the planner replies the same, what was
        done for the speculation (its tool, its phrase) is used.
        """
        before, self._attempt = self._attempt, None
        if before is not None and before.answers(given, state, index):
            before.confirmed.set()
            return before
        attempt = Attempt(given, state, index)
        attempt.confirmed.set()
        if before is not None and before.first_round() and (before.state, before.index) == (state, index):
            attempt.rival = before
        elif before is not None:
            self._drop(before, "cancelled")
        attempt.events = Pumped(self._make(attempt), self._tasks, f"reply-{index}")
        return attempt

    def settle(self, attempt: Attempt, *, used: bool, late: bool) -> dict[str, str | float]:
        """End a reply that was taken, a `late` one excepted; return what a span should say. Unused, it was waste."""
        outcome = "confirmed" if used else "retracted"
        facts: dict[str, str | float] = {"voice.speculation.outcome": outcome if attempt.speculative else "none"}
        if not used:
            self._drop(attempt, outcome)
        else:
            if attempt.speculative:
                SPECULATIONS.labels(outcome).inc()
            if not late and attempt.events is not None:
                attempt.events.cancel()
        if self._attempt is None:
            self._voice.forget()
        return facts | self._recorder.waste.told()

    def cancel(self) -> None:
        """Drop the speculation, with its voice: the call ends."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._drop(attempt, "cancelled")
        self._voice.forget()

    def _drop(self, attempt: Attempt, outcome: str) -> None:
        """Stop a reply and count what it cost; what still runs is counted where it ends."""
        if attempt.speculative:
            SPECULATIONS.labels(outcome).inc()
        attempt.dropped = True
        self._recorder.waste.add(Work.PLANNER_MS, attempt.planner_ms)
        self._recorder.waste.add(Work.TOOL_ATTEMPTS, attempt.tool_attempts)
        if attempt.events is not None:
            attempt.events.cancel()
        if attempt.adopted is not None:
            self._drop(attempt.adopted, outcome)

    def understood(self) -> bool | None:
        """Say whether the words of the running speculation were understood."""
        return self._attempt.understood() if self._attempt is not None else None

    def expected(self) -> bool:
        """Say whether the words of the running speculation are some that the agent waits for."""
        return self._attempt is not None and self._attempt.expected()

    async def _make(self, attempt: Attempt) -> AsyncGenerator[Event, None]:
        question: CallerSaid | ToolResult = attempt.given
        state, first = attempt.state, True
        try:
            for _ in range(MAX_ROUNDS):
                tool: ToolCall | None = None
                replied: list[ReplyEvent] = []
                async for event in self._asked(attempt, state, question):
                    if isinstance(event, Say) and first:
                        first = False
                        self._prepare(attempt, event)
                    if isinstance(event, ToolCall):
                        tool = event
                    if isinstance(event, Done):
                        state = event.state
                    replied.append(event)
                    yield event
                while attempt.told:
                    asyncio.get_running_loop().call_soon(attempt.told.pop())
                taken = self._decide(attempt, tuple(replied))
                if taken is not None:
                    async for following in taken.read(skip=len(replied)):
                        yield following
                    return
                if first:
                    self._voice.forget()  # rehearsed for other words
                if tool is None:
                    return
                if tool.tool not in self._speculative:
                    await attempt.confirmed.wait()
                    attempt.acting = True
                yield ToolStarted(tool)
                reply = await self._run_tool(attempt, tool)
                yield ToolDone(tool, reply)
                question = ToolResult(tool.tool, reply.outcome, reply.result_json, reply.reason)
            log.error("planner and tools did not come to an end", extra={"rounds": MAX_ROUNDS})
        finally:
            if attempt.rival is not None:
                self._drop(attempt.rival, "cancelled")
            if attempt.adopted is not None and attempt.adopted.events is not None:
                attempt.adopted.events.cancel()

    def _prepare(self, attempt: Attempt, phrase: Say) -> None:
        """Rehearse the first phrase; one that is spoken at once only takes the place of another."""
        if attempt.confirmed.is_set():
            self._voice.forget(unless=phrase.text)
        else:
            self._voice.rehearse(phrase.text)

    def _decide(self, attempt: Attempt, replied: tuple[ReplyEvent, ...]) -> Pumped[Event] | None:
        """Return the speculation's events when the planner replied the same to it; else it is dropped."""
        rival, attempt.rival = attempt.rival, None
        if rival is None or rival.events is None:
            return None
        if not same_reply(replied, rival.first_round()):
            self._drop(rival, "cancelled")
            return None
        attempt.adopted, attempt.speculative, rival.speculative = rival, True, False  # from here on they are one
        rival.confirmed.set()
        return rival.events

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
            self._recorder.heard(HISTORY),
        )
        opened: list[AsyncGenerator[ReplyEvent, None]] = []
        began = self._site.clock.monotonic()

        async def begin() -> ReplyEvent:
            stream = self._site.planner.reply(request)
            opened.append(stream)
            return await anext(stream)

        try:
            yield await retried(begin, on=(PlannerUnavailableError,), give_up_s=self._site.patience.give_up_s)
            async for event in opened[-1]:
                yield event
        finally:
            took_ms = (self._site.clock.monotonic() - began) * 1000
            if attempt.dropped:
                self._recorder.waste.add(Work.PLANNER_MS, took_ms)
            else:
                attempt.planner_ms += took_ms
            for stream in opened:
                await stream.aclose()

    async def _run_tool(self, attempt: Attempt, call: ToolCall) -> ToolReply:
        facts = self._recorder.facts
        key = uuid.uuid5(self._keys, f"{attempt.index}/{call.intent}/{call.arguments_json}").hex
        request = ToolRequest(
            facts.call_id,
            self._site.agent,
            self._site.bundle.revision,
            attempt.index,
            call.intent,
            call.tool,
            call.arguments_json,
            key,
            self._recorder.caller.level.value,
            self._failed_proofs,
            self._recorder.caller.number if call.tool in self._numbered else "",
        )
        attempt.tool_attempts += 1  # one may run; how many it were is in the reply
        try:
            reply = await retried(
                lambda: self._site.tools.invoke(request),
                on=(ToolsUnavailableError,),
                give_up_s=self._site.patience.give_up_s / 2,
            )
        except ToolsUnavailableError:
            reply = ToolReply(ToolOutcome.FAILED, "", "the tool gateway is away", 0)
        attempt.tool_attempts += reply.attempts - 1
        granted = self._grants.get(call.tool, Authentication.NONE)
        if reply.outcome is ToolOutcome.OK:
            self._recorder.caller.prove(granted)
        elif reply.attempts and granted is not Authentication.NONE:
            self._failed_proofs += 1
        return reply
