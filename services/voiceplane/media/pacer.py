"""One pacer for all calls of a process: every 20 ms, on time, one packet a call.

A thread, so that no work of the event loop can delay it; the schedule is absolute, so lateness does not add up.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.contract.audio import FRAME_MS

TICK_S = FRAME_MS / 1000
BUCKETS_MS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
MAX_BEHIND = 10  # ticks: after a stall of more than 200 ms the schedule starts anew instead of bursting


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late packets left, as counts per bucket (upper bounds BUCKETS_MS, then infinity)."""

    counts: tuple[int, ...]
    worst_ms: float

    @property
    def packets(self) -> int:
        """Count the packets measured."""
        return sum(self.counts)

    def quantile_ms(self, share: float) -> float:
        """Return an upper bound for the share's lateness: the bucket's edge, or the worst seen."""
        wanted, seen = share * self.packets, 0
        for count, edge in zip(self.counts, (*BUCKETS_MS, self.worst_ms), strict=True):
            seen += count
            if seen >= wanted:
                return min(edge, self.worst_ms)
        return self.worst_ms


Send = Callable[[], bool]  # send one packet if there is one; called on the pacer's thread, must not block


class Pacer:
    """Start it once per process; calls join and leave."""

    def __init__(self) -> None:
        """Prepare; nothing runs yet."""
        self._lock = threading.Lock()
        self._calls: tuple[Send, ...] = ()
        self._stop = threading.Event()
        self._counts = [0] * (len(BUCKETS_MS) + 1)
        self._worst_ms = 0.0
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the thread."""
        self._stop.set()
        self._thread.join(timeout=1.0)

    def join(self, send: Send) -> None:
        """Send for this call from the next tick on."""
        with self._lock:
            self._calls = (*self._calls, send)

    def leave(self, send: Send) -> None:
        """Send no more for this call."""
        with self._lock:
            self._calls = tuple(call for call in self._calls if call != send)

    def lateness(self) -> Lateness:
        """Return the measurements so far."""
        return Lateness(tuple(self._counts), self._worst_ms)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due += TICK_S
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            elif wait < -MAX_BEHIND * TICK_S:
                due = time.monotonic()
            for send in self._calls:
                with contextlib.suppress(OSError):  # a full socket buffer or an unreachable peer is that call's loss
                    if send():
                        self._measure((time.monotonic() - due) * 1000)

    def _measure(self, late_ms: float) -> None:
        self._worst_ms = max(self._worst_ms, late_ms)
        for index, edge in enumerate(BUCKETS_MS):
            if late_ms <= edge:
                self._counts[index] += 1
                return
        self._counts[-1] += 1
