"""Ask the planner, from a call. When a replica dies another is asked, and continues the reply where it broke off.

A request carries all state and a flow planner is deterministic, so another replica gives the same reply: the phrases
that were already used are compared and left out. A reply that begins differently, as a model's may, is not continued.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc

from voiceplane.contract.agent import Planner
from voiceplane.contract.dialogue import PlannerUnavailableError, ReplyEvent, ReplyRequest
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import planner_pb2_grpc
from voiceplane.runtime import grpc_server, telemetry

REPLY_S = 10.0
TRY_S = 2.0  # to the next event: a request to a replica that just died may hang in the proxy; the flow takes 0.02 s
FIRST_BACKOFF_S = 0.05
MAX_BACKOFF_S = 0.8
MARGIN_S = 0.5  # for the flow planner's own answer and the way
APPLICATION = "planner"
# Another try would end the same way: an unknown revision, a broken request, a planner without this method.
_FINAL = frozenset(
    {
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
# A dying replica and an error in the planner look alike (INTERNAL, UNKNOWN): they are told apart by time.
_DOUBTFUL = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
DOUBTFUL_S = 3.0  # Ray has taken a dead replica out of its routes by then


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call waits for its planner, in seconds: for a whole reply, and for its next event."""

    reply_s: float = REPLY_S
    try_s: float = TRY_S


def limits(planner: Planner) -> Limits:
    """Return what an agent's planner may take: a model longer than the flow, which still answers after its deadline."""
    if planner.model is None:
        return Limits()
    first_phrase_s = planner.model.first_phrase + MARGIN_S
    return Limits(max(REPLY_S, planner.model.timeout + MARGIN_S), max(TRY_S, first_phrase_s))


class PlannerClient:
    """One channel to each of the planners' proxies; the next one is asked when one fails."""

    def __init__(self, *stubs: Any, reply_s: float = REPLY_S, try_s: float = TRY_S) -> None:
        """Use these stubs, in this order; `reply_s` is the deadline of a whole reply, `try_s` of its next event."""
        self._stubs = stubs
        self._reply_s = reply_s
        self._try_s = try_s

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply; PlannerUnavailableError when it could not be had, or not continued, in time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + self._reply_s
        wire = convert.request_to_wire(request)
        metadata = (*telemetry.inject(), ("application", APPLICATION))
        backoff, tries = FIRST_BACKOFF_S, 0
        used: list[ReplyEvent] = []  # a reply is a few phrases
        while True:
            stub = self._stubs[tries % len(self._stubs)]
            tries += 1
            again = iter(tuple(used))
            stream = stub.Reply(wire, timeout=max(0.05, deadline - loop.time()), metadata=metadata)
            try:
                while (received := await self._next(stream)) is not None:
                    event = convert.event_from_wire(received)
                    before = next(again, None)
                    if before is None:
                        used.append(event)
                        yield event
                    elif before != event:
                        raise PlannerUnavailableError("the planner: the reply broke off and cannot be continued")
                return
            except TimeoutError as error:
                if loop.time() + backoff >= deadline:
                    raise PlannerUnavailableError("the planner: DEADLINE_EXCEEDED") from error
            except grpc.aio.AioRpcError as error:
                code, now = error.code(), loop.time()
                hopeless = code in _FINAL or (code in _DOUBTFUL and now - began > DOUBTFUL_S)
                if hopeless or now + backoff >= deadline:
                    details = error.details() if code in _FINAL else code.name
                    raise PlannerUnavailableError(f"the planner: {details}") from error
            finally:
                stream.cancel()  # the reply is not wanted any more: the replica stops
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, MAX_BACKOFF_S)

    async def _next(self, stream: Any) -> Any:
        """Return the next event, None at the end; TimeoutError when none comes for `try_s`."""
        async with asyncio.timeout(self._try_s):
            received = await stream.read()
        return None if received is grpc.aio.EOF else received


@contextlib.asynccontextmanager
async def open_client(*targets: str, reply_s: float = REPLY_S, try_s: float = TRY_S) -> AsyncIterator[PlannerClient]:
    """Connect to the proxies of one or more nodes until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(grpc_server.channel(target)) for target in targets]
        yield PlannerClient(
            *(planner_pb2_grpc.PlannerStub(channel) for channel in channels), reply_s=reply_s, try_s=try_s
        )
