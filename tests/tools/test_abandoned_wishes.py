"""A tool that only reads is stopped when nobody waits for it any more; one with an effect is finished."""

import asyncio
import dataclasses

import pytest
from tests.tools.desk import CALL, GOOD, Desk
from tests.waiting import until

from voiceplane.contract.dialogue import ToolOutcome, ToolReply, ToolRequest
from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.tools.errors import AttemptUnreachableError
from voiceplane.tools.invoke import ABANDONED

BUNDLE: Bundle = load_bundle("""
apiVersion: voiceplane.dev/v1alpha1
kind: VoiceAgent
metadata: {name: desk, namespace: support}
spec:
  opening: "Hello."
  intents:
    - {name: look, examples: ["look"], tool: look-up, reply: "Yes."}
    - {name: put, examples: ["put"], tool: put-down, reply: "Yes."}
  tools:
    - {name: look-up, http: {url: "http://a.svc/a"}, timeout: 20s, idempotent: true, retries: 5, speculative: true}
    - {name: put-down, http: {method: PUT, url: "http://a.svc/b"}, timeout: 20s, idempotent: true}
""")
LOOK = ToolRequest(CALL, "support/desk", BUNDLE.revision, 1, "look", "look-up", "{}", "key-1")
PUT = dataclasses.replace(LOOK, intent="put", tool="put-down", idempotency_key="key-2")


class Slow:
    """A step of the backend that begins, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return GOOD


async def leave(asking: "asyncio.Task[ToolReply]") -> None:
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_read_that_nobody_waits_for_is_stopped_tried_no_more_and_on_record(desk: Desk) -> None:
    invoker, backend, ledger = desk
    slow = Slow()
    backend.steps = [slow]
    asking = asyncio.create_task(invoker.invoke(LOOK))
    await slow.begun.wait()

    await leave(asking)
    await until(lambda: len(ledger.ended) >= 1)

    assert slow.cancelled and len(backend.attempts) == 1
    assert (ledger.ended[0].outcome, ledger.ended[0].reason) == ("failed", ABANDONED)


async def test_a_read_that_waits_for_its_next_try_is_not_tried_again(desk: Desk) -> None:
    invoker, backend, ledger = desk
    backend.steps = [AttemptUnreachableError("away")]
    asking = asyncio.create_task(invoker.invoke(LOOK))
    await until(lambda: len(ledger.ended) >= 1)

    await leave(asking)
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name().startswith("wish ")))

    assert len(backend.attempts) == 1


async def test_a_read_goes_on_while_one_of_many_waits(desk: Desk) -> None:
    invoker, backend, _ = desk
    slow = Slow()
    backend.steps = [slow]
    going, staying = (asyncio.create_task(invoker.invoke(LOOK)) for _ in range(2))
    await slow.begun.wait()

    await leave(going)
    slow.may_end.set()

    assert (await staying).outcome is ToolOutcome.OK and len(backend.attempts) == 1


async def test_a_read_asked_again_while_it_is_being_stopped_begins_anew(desk: Desk) -> None:
    invoker, backend, ledger = desk
    slow = Slow()
    backend.steps = [slow, GOOD]
    asking = asyncio.create_task(invoker.invoke(LOOK))
    await slow.begun.wait()

    asking.cancel()
    await asyncio.sleep(0)
    reply = await invoker.invoke(LOOK)
    await until(lambda: len(ledger.ended) >= 2)

    assert reply.outcome is ToolOutcome.OK and slow.cancelled and len(backend.attempts) == 2
    assert (await invoker.invoke(LOOK)) == reply, "what was kept is the second one's result"


async def test_a_tool_with_an_effect_is_finished_for_nobody(desk: Desk) -> None:
    invoker, backend, ledger = desk
    slow = Slow()
    backend.steps = [slow]
    asking = asyncio.create_task(invoker.invoke(PUT))
    await slow.begun.wait()

    await leave(asking)
    slow.may_end.set()
    await until(lambda: len(ledger.ended) >= 1)

    assert not slow.cancelled and ledger.told == [("allowed", "ok", 1)]
