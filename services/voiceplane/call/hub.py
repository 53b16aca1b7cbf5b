"""The live calls of this gateway, for the Calls service. call.loop registers, rpc asks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from voiceplane.call.ending import Ending
from voiceplane.contract.ids import CallId

WATCH_QUEUE = 256  # events a slow watcher may lag behind; then the oldest is lost, never the call's time


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something that happened in a call; facts with personal data have keys with a `pii` segment."""

    call_id: CallId
    at_ns: int
    kind: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class LiveCall:
    """One call as an operator sees it."""

    call_id: CallId
    agent: str
    revision: str
    started_ns: int
    ending: Ending
    transfer: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(1))  # one wish at a time
    press: Callable[[str], None] | None = None  # sends keys; ValueError says why not. None: not answered yet
    state: str = "ringing"
    turns: int = 0


class CallHub:
    """Registry and event feed; bounded, so that no watcher can hold up a call."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        """Date events by this clock."""
        self._wall_ns = wall_ns
        self._calls: dict[CallId, LiveCall] = {}
        self._watchers: set[asyncio.Queue[CallEvent]] = set()

    def live(self) -> tuple[LiveCall, ...]:
        """Return the calls of this moment."""
        return tuple(self._calls.values())

    def find(self, call_id: str) -> LiveCall | None:
        """Return a live call, if it is live."""
        return self._calls.get(CallId(call_id))

    def add(self, call: LiveCall) -> None:
        """Register a call that was accepted."""
        self._calls[call.call_id] = call
        self.tell(call.call_id, "started", {"agent": call.agent, "revision": call.revision})

    def remove(self, call: LiveCall, *, reason: str) -> None:
        """Forget a call that has ended."""
        self._calls.pop(call.call_id, None)
        self.tell(call.call_id, "ended", {"reason": reason})

    def state(self, call_id: CallId, state: str) -> None:
        """Note what the agent does now."""
        call = self._calls.get(call_id)
        if call is not None and call.state != state:
            call.state = state
            self.tell(call_id, "state", {"state": state})

    def turned(self, call_id: CallId, turns: int) -> None:
        """Note how many turns a call has had."""
        call = self._calls.get(call_id)
        if call is not None:
            call.turns = turns

    def tell(self, call_id: CallId, kind: str, facts: Mapping[str, str]) -> None:
        """Send an event to all watchers; the oldest of a watcher that lags is dropped."""
        self.publish(CallEvent(call_id, self._wall_ns(), kind, tuple(facts.items())))

    def publish(self, event: CallEvent) -> None:
        """Send a ready event."""
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def watch(self, call_id: str) -> AsyncIterator[CallEvent]:
        """Yield events from this moment on, of one call or of all when `call_id` is empty."""
        queue: asyncio.Queue[CallEvent] = asyncio.Queue(WATCH_QUEUE)
        self._watchers.add(queue)
        return self._events(queue, call_id)

    async def _events(self, queue: asyncio.Queue[CallEvent], call_id: str) -> AsyncIterator[CallEvent]:
        try:
            while True:
                event = await queue.get()
                if call_id in ("", event.call_id):
                    yield event
        finally:
            self._watchers.discard(queue)
