"""One pacer for all calls of a process: every 20 ms, on time, one packet a call.

A thread, so that no work of the event loop can delay it; the schedule is absolute, so lateness does not add up. A tick
has two parts: shortly before its time each call's packet is prepared (taken from playout, encoded); on time it is only
sent. Neither part may block or give up the interpreter lock (see wire.py).
"""

import contextlib
import logging
import os
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import Protocol

from voiceplane.contract.audio import FRAME_MS
from voiceplane.runtime.clock import Clock

log = logging.getLogger(__name__)

TICK_S = FRAME_MS / 1000
LEAD_S = 0.004  # packets are prepared this long before they are sent: an interruption cannot be heard sooner
BUCKETS_MS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0, 50.0)
MAX_BEHIND = 10  # ticks: after a stall of more than 200 ms the schedule starts anew instead of bursting
REALTIME_PRIORITY = 10  # above every ordinary thread, below the kernel's own; needs CAP_SYS_NICE
NICE = -10  # the second choice


class Stream(Protocol):
    """One call's outgoing packets; both are called on the pacer's thread and must not block."""

    def prepare(self) -> None:
        """Make the next packet."""
        ...

    def send(self) -> bool:
        """Send it; False when there was none or the kernel refused it."""
        ...


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late packets left, as counts per bucket (upper bounds BUCKETS_MS, then infinity)."""

    counts: tuple[int, ...]
    worst_ms: float
    total_ms: float = 0.0

    def __sub__(self, earlier: "Lateness") -> "Lateness":
        """Return what came after `earlier`; its worst is bounded by the last bucket used and by the worst of all."""
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=True))
        edges = (*BUCKETS_MS, self.worst_ms)
        last = max((edge for count, edge in zip(counts, edges, strict=True) if count), default=0.0)
        return Lateness(counts, min(last, self.worst_ms), self.total_ms - earlier.total_ms)

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


class Meter:
    """Counts lateness; written by the pacer's thread alone, read by anyone."""

    def __init__(self) -> None:
        """Start with nothing measured."""
        self._counts = [0] * (len(BUCKETS_MS) + 1)
        self._worst_ms = self._total_ms = 0.0

    def add(self, late_ms: float) -> None:
        """Count a packet."""
        if late_ms > self._worst_ms:
            self._worst_ms = late_ms
        self._total_ms += late_ms
        self._counts[bisect_left(BUCKETS_MS, late_ms)] += 1

    def read(self) -> Lateness:
        """Return the measurements so far; take the difference of two for a time."""
        return Lateness(tuple(self._counts), self._worst_ms, self._total_ms)


class Pacer:
    """Start it once per process; calls join and leave."""

    def __init__(self, clock: Clock) -> None:
        """Prepare; nothing runs yet."""
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: tuple[tuple[Stream, Meter], ...] = ()
        self._stop = threading.Event()
        self._all = Meter()
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the thread."""
        self._stop.set()
        self._thread.join(timeout=1.0)

    def join(self, stream: Stream) -> Meter:
        """Send for this call from the next tick on; return what measures its packets."""
        meter = Meter()
        with self._lock:
            self._streams = (*self._streams, (stream, meter))
        return meter

    def leave(self, stream: Stream) -> None:
        """Send no more for this call."""
        with self._lock:
            self._streams = tuple(joined for joined in self._streams if joined[0] is not stream)

    def lateness(self) -> Lateness:
        """Return the lateness of all calls' packets so far."""
        return self._all.read()

    def _run(self) -> None:
        _raise_priority()
        due = self._clock.monotonic()
        while not self._stop.is_set():
            due += TICK_S
            slipped_s = self._clock.monotonic() - due
            if slipped_s > MAX_BEHIND * TICK_S:
                due += slipped_s
            else:
                slipped_s = 0.0
            self._sleep_until(due - LEAD_S)
            streams = self._streams
            for stream, _ in streams:
                self._prepare(stream)
            self._sleep_until(due)
            for stream, meter in streams:
                if self._send(stream):
                    late_ms = (self._clock.monotonic() - due + slipped_s) * 1000
                    meter.add(late_ms)
                    self._all.add(late_ms)

    def _sleep_until(self, when: float) -> None:
        wait = when - self._clock.monotonic()
        if wait > 0:
            time.sleep(wait)

    def _prepare(self, stream: Stream) -> None:
        try:
            stream.prepare()
        except Exception:  # one call's defect must not silence the others
            log.exception("a stream failed and is paced no more")
            self.leave(stream)

    def _send(self, stream: Stream) -> bool:
        try:
            return stream.send()
        except Exception:  # as above
            log.exception("a stream failed and is paced no more")
            self.leave(stream)
            return False


def _raise_priority() -> None:
    """Put this thread before ordinary ones where the system allows it; pacing works without, later under load."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY))
        log.info("pacer runs with real-time priority")
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        log.info("pacer runs with raised priority")
