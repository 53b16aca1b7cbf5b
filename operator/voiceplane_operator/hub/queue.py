"""The keyed work queue: a key waits once, however often it is named, and is never worked on twice at a time.

What is urgent goes first: what was deleted before what changed before what is only looked at again. A failure comes
back later each time. Bounded by nature: there are no more entries than objects.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What to reconcile: a kind and a name; namespaced ones as namespace/name."""

    kind: str
    name: str


class Urgency(IntEnum):
    """The order of work."""

    DELETED = 0
    CHANGED = 1
    OBSERVED = 2  # something of it changed in a region
    RESYNC = 3


@dataclass(slots=True)
class _Entry:
    urgency: Urgency
    due: float
    queued: bool = False
    active_since: float | None = None
    again_at: float | None = None  # named while it was worked on: when to come back
    failures: int = 0


@dataclass(slots=True)
class KeyedQueue:
    """Keys with urgency, delay and backoff; `now` is the loop's time."""

    now: Callable[[], float]
    _entries: dict[Key, _Entry] = field(default_factory=dict)
    _ready: list[tuple[int, int, Key]] = field(default_factory=list)
    _later: list[tuple[float, int, Key]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _waiting: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: float = field(init=False)  # when a pass has last ended

    def __post_init__(self) -> None:
        """Count from now."""
        self._ended = self.now()

    def add(self, key: Key, urgency: Urgency, *, delay_s: float = 0.0) -> None:
        """Name a key; it is worked on once, at the most urgent and earliest of what was asked."""
        due = self.now() + delay_s
        entry = self._entries.setdefault(key, _Entry(urgency, due))
        if entry.active_since is not None:
            entry.again_at = due if entry.again_at is None else min(entry.again_at, due)
            entry.urgency = min(entry.urgency, urgency)
            return
        if not entry.queued or due < entry.due or urgency < entry.urgency:
            entry.urgency = min(entry.urgency, urgency) if entry.queued else urgency
            entry.due = min(entry.due, due) if entry.queued else due
            entry.queued = True
            self._push(key, entry)

    async def get(self) -> Key:
        """Wait for the next key and mark it as worked on."""
        while True:
            key = self._pop()
            if key is not None:
                return key
            self._waiting.clear()
            soonest = self._later[0][0] - self.now() if self._later else None
            try:
                async with asyncio.timeout(soonest):
                    await self._waiting.wait()
            except TimeoutError:
                pass

    def done(self, key: Key, *, again_s: float | None = None) -> None:
        """Report success; the key comes back when it was named meanwhile, or after `again_s`."""
        self._ended = self.now()
        entry = self._entries.pop(key)
        if entry.again_at is not None:
            self.add(key, entry.urgency, delay_s=max(0.0, entry.again_at - self.now()))
        elif again_s is not None:
            self.add(key, Urgency.RESYNC, delay_s=again_s)

    def failed(self, key: Key, *, after_s: float = 0.0) -> None:
        """Report failure; the key comes back after a time that doubles with each failure, `after_s` at least."""
        self._ended = self.now()
        entry = self._entries[key]
        entry.failures += 1
        wait_s = max(after_s, min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** (entry.failures - 1)))
        entry.active_since, entry.again_at, entry.queued = None, None, True
        entry.due = self.now() + wait_s
        self._push(key, entry)

    def depth(self) -> int:
        """Return how many keys are due and not begun."""
        now = self.now()
        return sum(1 for entry in self._entries.values() if entry.active_since is None and entry.due <= now)

    def active_s(self) -> float:
        """Return how long the oldest key has been worked on."""
        return self.oldest_active()[1]

    def oldest_active(self) -> tuple[Key | None, float]:
        """Return the key that has been worked on for longest, and for how long."""
        now = self.now()
        begun = [(one.active_since, key) for key, one in self._entries.items() if one.active_since is not None]
        since, key = min(begun, default=(now, None))
        return key, now - since

    def oldest_due(self) -> tuple[Key | None, float]:
        """Return the key that has been due for longest without being begun, and for how long."""
        now = self.now()
        waits = [(one.due, key) for key, one in self._entries.items() if one.active_since is None and one.due <= now]
        due, key = min(waits, default=(now, None))
        return key, now - due

    def idle_s(self) -> float:
        """Return how long no pass has ended."""
        return self.now() - self._ended

    def idle(self) -> bool:
        """Say whether nothing is due and nothing is worked on."""
        return self.depth() == 0 and not any(entry.active_since is not None for entry in self._entries.values())

    def _push(self, key: Key, entry: _Entry) -> None:
        heapq.heappush(self._later, (entry.due, next(self._numbers), key))
        self._waiting.set()

    def _pop(self) -> Key | None:
        now = self.now()
        while self._later and self._later[0][0] <= now:
            due, number, key = heapq.heappop(self._later)
            entry = self._entries.get(key)
            if entry is not None and entry.queued and entry.due <= now:
                heapq.heappush(self._ready, (entry.urgency, number, key))
        while self._ready:
            _, _, key = heapq.heappop(self._ready)
            entry = self._entries.get(key)
            if entry is not None and entry.queued and entry.active_since is None:
                entry.queued, entry.active_since = False, now
                return key
        return None
