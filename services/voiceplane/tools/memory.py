"""What the tool gateway remembers of its calls, bounded: how often tools ran, and what each wish brought. Pure."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from voiceplane.contract.dialogue import ToolReply, ToolRequest

MAX_CALLS = 10_000  # calls whose attempts are counted; the longest unused is forgotten
MAX_WISHES = 5_000  # results kept for a repeated request; a caller asks again within seconds
MAX_BYTES = 64 * 1024 * 1024  # of kept results: a few large ones must not fill the process
MAX_RUNNING = 500  # wishes at once: each may hold a connection and a result of up to 1 MiB


@dataclass(slots=True)
class Wish:
    """One idempotency key of a call: who asked first, the task that carries it out, and who waits for it."""

    request: ToolRequest
    task: "asyncio.Task[ToolReply] | None" = None
    size: int = 0  # of the finished result, in characters
    waiting: int = 0
    read_only: bool = False  # may be left undone when nobody waits
    abandoned: bool = False  # nobody waits: no attempt begins any more
    limit: asyncio.Timeout | None = None  # of the attempt that runs

    @property
    def running(self) -> bool:
        """Say whether its task has not ended."""
        return self.task is not None and not self.task.done()


class Counts:
    """How often something happened in each call; the call that was unused for longest is forgotten."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._counts: OrderedDict[str, int] = OrderedDict()

    def of(self, call_id: str) -> int:
        """Return how often it happened in this call."""
        return self._counts.get(call_id, 0)

    def add(self, call_id: str, number: int = 1) -> None:
        """Count some more, or take back what was counted in advance."""
        self._counts[call_id] = self.of(call_id) + number
        self._counts.move_to_end(call_id)
        while len(self._counts) > MAX_CALLS:
            self._counts.popitem(last=False)


class Memory:
    """Attempts and failed proofs by call, wishes by call and key."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.attempts = Counts()
        self.failed_proofs = Counts()
        self._wishes: OrderedDict[tuple[str, str], Wish] = OrderedDict()
        self._running = 0
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Say whether as many wishes run as may."""
        return self._running >= MAX_RUNNING

    def wish(self, request: ToolRequest) -> Wish | None:
        """Find a wish by call and key."""
        return self._wishes.get((request.call_id, request.idempotency_key))

    def begin(self, wish: Wish) -> None:
        """Remember a wish that runs."""
        self._wishes[wish.request.call_id, wish.request.idempotency_key] = wish
        self._running += 1

    def leave(self, wish: Wish) -> None:
        """One who waited has gone; a wish that only reads ends with the last one, and the next who asks begins anew."""
        wish.waiting -= 1
        if wish.waiting or not wish.read_only or not wish.running or wish.abandoned:
            return
        wish.abandoned = True
        del self._wishes[wish.request.call_id, wish.request.idempotency_key]
        if wish.limit is not None and not wish.limit.expired():
            wish.limit.reschedule(0.0)  # long over: the attempt times out now

    def end(self, wish: Wish, reply: ToolReply, *, keep: bool) -> None:
        """Remember its reply, or forget the wish so that it may be tried again."""
        self._running -= 1
        key = (wish.request.call_id, wish.request.idempotency_key)
        if wish.abandoned:
            return
        if not keep:
            del self._wishes[key]
            return
        wish.size = len(reply.result_json)
        self._bytes += wish.size
        self._wishes.move_to_end(key)
        for old in list(self._wishes):
            if len(self._wishes) <= MAX_WISHES and self._bytes <= MAX_BYTES:
                break
            if not self._wishes[old].running:  # one that runs is never forgotten: it could run twice
                self._bytes -= self._wishes.pop(old).size
