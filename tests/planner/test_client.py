"""The planner's client against a gRPC server that breaks replies off."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from voiceplane.contract.agent import FlowPlanner, ModelPlanner, Planner
from voiceplane.contract.dialogue import (
    CallerSaid,
    DialogueState,
    Done,
    PlannerUnavailableError,
    ReplyEvent,
    ReplyRequest,
    Say,
)
from voiceplane.contract.ids import CallId
from voiceplane.planner.client import limits, open_client
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import planner_pb2, planner_pb2_grpc
from voiceplane.runtime import grpc_server

ONE, TWO, DONE = Say("One."), Say("Two."), Done(DialogueState(unsure=1))
REQUEST = ReplyRequest(CallId("0" * 32), "a/b", "r", 0, "q", DialogueState(), CallerSaid("hi"), "2026-11-23")
Attempt = tuple[tuple[ReplyEvent, ...], grpc.StatusCode | None]


class Breaking(planner_pb2_grpc.PlannerServicer):
    """Answers each attempt as told: some events, then an error or the end."""

    def __init__(self, *attempts: Attempt) -> None:
        self.attempts = attempts
        self.asked = 0

    async def Reply(self, request: planner_pb2.ReplyRequest, context: Any) -> AsyncIterator[planner_pb2.ReplyEvent]:
        events, code = self.attempts[min(self.asked, len(self.attempts) - 1)]
        self.asked += 1
        for event in events:
            yield convert.event_to_wire(event)
        if code is not None:
            await context.abort(code, "broken off")


@asynccontextmanager
async def serving(servicer: Breaking) -> AsyncIterator[str]:
    def register(server: grpc.aio.Server) -> None:
        planner_pb2_grpc.add_PlannerServicer_to_server(servicer, server)

    async with grpc_server.serve(register, host="127.0.0.1", port=0, traced=False) as server:
        yield f"127.0.0.1:{server.port}"


async def replied(servicer: Breaking, *, reply_s: float = 5.0) -> list[ReplyEvent]:
    async with serving(servicer) as target, open_client(target, reply_s=reply_s) as client:
        return [event async for event in client.reply(REQUEST)]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
async def test_a_reply_that_broke_off_is_continued_without_saying_anything_twice(code: grpc.StatusCode) -> None:
    servicer = Breaking(((), code), ((ONE,), code), ((ONE, TWO), code), ((ONE, TWO, DONE), None))
    assert await replied(servicer) == [ONE, TWO, DONE]
    assert servicer.asked == 4


async def test_a_different_reply_is_not_continued() -> None:
    servicer = Breaking(((ONE,), grpc.StatusCode.UNAVAILABLE), ((TWO, DONE), None))
    with pytest.raises(PlannerUnavailableError, match="cannot be continued"):
        await replied(servicer)


@pytest.mark.parametrize("code", [grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT])
async def test_what_another_try_cannot_mend_is_asked_once(code: grpc.StatusCode) -> None:
    servicer = Breaking(((), code))
    with pytest.raises(PlannerUnavailableError, match="broken off"):
        await replied(servicer)
    assert servicer.asked == 1


async def test_an_outage_longer_than_the_deadline_is_unavailable() -> None:
    servicer = Breaking(((), grpc.StatusCode.UNAVAILABLE))
    with pytest.raises(PlannerUnavailableError, match="UNAVAILABLE|DEADLINE_EXCEEDED"):
        await replied(servicer, reply_s=0.4)
    assert servicer.asked > 1


def test_a_call_waits_for_a_model_as_long_as_its_agent_does() -> None:
    flow = limits(Planner(flow=FlowPlanner()))
    slow = limits(Planner(model=ModelPlanner(endpoint="http://llm/v1", name="big", first_token=3.0, timeout=20.0)))
    assert (flow.reply_s, flow.try_s) == (10.0, 2.0)
    assert slow.reply_s > 20.0
    assert slow.try_s > 5.4
