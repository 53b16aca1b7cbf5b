from voiceplane.call.ending import AGENT_HUNG_UP, CALLER_HUNG_UP, Ending
from voiceplane.call.hub import WATCH_QUEUE, CallHub, LiveCall
from voiceplane.contract.ids import new_call_id


def live(hub: CallHub) -> LiveCall:
    call = LiveCall(new_call_id(), "support/desk", "abc", 1, Ending())
    hub.add(call)
    return call


async def test_a_watcher_sees_what_happens_after_it_came_and_only_its_call() -> None:
    hub = CallHub(lambda: 7)
    first, second = live(hub), live(hub)
    events = hub.watch(first.call_id)
    hub.state(second.call_id, "speaking")
    hub.state(first.call_id, "speaking")
    event = await anext(events)
    assert (event.call_id, event.kind, event.facts) == (first.call_id, "state", (("state", "speaking"),))


async def test_a_slow_watcher_loses_the_oldest_events_and_holds_up_nobody() -> None:
    hub = CallHub(lambda: 7)
    call = live(hub)
    events = hub.watch("")
    for index in range(WATCH_QUEUE + 10):
        hub.tell(call.call_id, "heard", {"index": str(index)})
    event = await anext(events)
    assert event.facts == (("index", "10"),)


async def test_the_first_reason_to_end_counts() -> None:
    ending = Ending()
    ending.settle(CALLER_HUNG_UP)
    ending.settle(AGENT_HUNG_UP)
    assert await ending.wait() is CALLER_HUNG_UP
