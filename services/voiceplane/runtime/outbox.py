"""Deliver small messages to another process at least once: memory first, disk while the far side is away.

Knows nothing of what is sent: records.client and the tool gateway give it a `send`. The far side must take the same
message twice without harm, because a reply may be lost.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
from prometheus_client import Counter, Gauge

from voiceplane.runtime import telemetry
from voiceplane.runtime.spool import Spool

log = logging.getLogger(__name__)
LOST = Counter("voiceplane_outbox_lost_total", "Messages that could be neither sent nor kept", ["reason"])
WAITING = Gauge("voiceplane_outbox_waiting", "Messages on disk until the far side is back")

Metadata = tuple[tuple[str, str], ...]
Send = Callable[[bytes, Metadata], Awaitable[None]]


class TryLaterError(Exception):
    """The far side is away or overloaded: the message is kept and sent again."""


class FailedOverError(Exception):
    """The far side failed over this message, perhaps because of it: sent again a few times, then set aside."""


class RefusedError(Exception):
    """The far side will never take this message: it is set aside on disk and counted."""


# A killed process shows as one of these now and then; a message that always meets one would hold up all behind it.
_FAILED_OVER = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)


def failure(error: grpc.aio.AioRpcError) -> Exception:
    """Return what a gRPC status means for the message that was sent."""
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        return RefusedError(error.details())
    kind = FailedOverError if error.code() in _FAILED_OVER else TryLaterError
    return kind(error.code().name)


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much is kept and how long is waited, in seconds."""

    in_memory: int = 1000  # messages: minutes of call ends at full load, and a bound when the disk hangs
    send_s: float = 2.0
    first_retry_s: float = 0.2
    last_retry_s: float = 5.0
    failures_over_one: int = 6  # then a message is set aside: after 6 s and more, in which a far side restarts
    drain_s: float = 3.0  # at exit; what is left then goes to disk


class Outbox:
    """A queue to one far side. `put` never waits; `running` delivers."""

    def __init__(self, send: Send, folder: Path, *, limits: OutboxLimits | None = None) -> None:
        """Keep undelivered messages in `folder`, which belongs to this process alone."""
        self._send = send
        self._spool = Spool(folder)
        self._limits = limits or OutboxLimits()
        self._queue: deque[tuple[bytes, Metadata]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._failures = 0  # over the message that is next

    def put(self, message: bytes) -> None:
        """Take a message and the current trace; when memory is full the message is lost, counted and logged."""
        if len(self._queue) >= self._limits.in_memory:
            LOST.labels("memory-full").inc()
            log.error("outbox is full, a message is lost", extra={"in_memory": len(self._queue)})
            return
        self._queue.append((message, telemetry.inject()))
        self._wake.set()

    async def keep(self, message: bytes) -> None:
        """Take a message and return when it is on disk: a crash then loses nothing. OSError when it cannot be."""
        await asyncio.to_thread(self._spool.add, message)
        self._wake.set()

    def has_room(self) -> bool:
        """Say whether another message would be kept, for a sender that does nothing it cannot record."""
        return len(self._queue) < self._limits.in_memory and self._spool.has_room()

    @property
    def waiting(self) -> int:
        """Count what is not delivered yet, in memory and on disk."""
        return len(self._queue) + len(self._spool)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Outbox"]:
        """Deliver until the block ends, then for up to `drain_s` more; the rest is on disk for the next start."""
        worker = asyncio.create_task(self._deliver_all(), name="outbox")
        try:
            yield self
        finally:
            self._closing = True
            self._wake.set()
            try:
                await asyncio.wait([worker], timeout=self._limits.drain_s)
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)
            finally:  # also when the exit itself is cancelled
                worker.cancel()
                while self._queue:
                    self._keep(self._queue.popleft()[0])

    async def _deliver_all(self) -> None:
        delay = self._limits.first_retry_s
        while not (self._closing and not self.waiting):
            self._wake.clear()
            back = await self._replay() if len(self._spool) else True
            if back and self._queue:
                back = await self._deliver_next()
            if back:
                delay = self._limits.first_retry_s
                if not self.waiting and not self._closing:
                    await self._wake.wait()
                continue
            # The far side is away: memory moves to disk, so that a crash now loses nothing.
            while self._queue:
                await asyncio.to_thread(self._keep, self._queue.popleft()[0])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()
            delay = min(delay * 2, self._limits.last_retry_s)

    async def _replay(self) -> bool:
        """Send the oldest message on disk; False while the far side is away."""
        name, message = await asyncio.to_thread(self._spool.oldest)
        if name is None or message is None:
            return True
        delivered = await self._deliver(message, ())
        if delivered:
            await asyncio.to_thread(self._spool.remove, name)
            WAITING.set(len(self._spool))
        return delivered

    async def _deliver_next(self) -> bool:
        message, metadata = self._queue[0]  # stays in the queue until it is safe, also through a cancellation
        if not await self._deliver(message, metadata):
            return False
        self._queue.popleft()
        return True

    async def _deliver(self, message: bytes, metadata: Metadata) -> bool:
        try:
            async with asyncio.timeout(self._limits.send_s):
                await self._send(message, metadata)
        except (TimeoutError, TryLaterError):
            return False
        except RefusedError as error:
            await self._set_aside(message, "refused", str(error))
        except FailedOverError as error:
            return await self._failed_over(message, str(error))
        except Exception as error:  # the edge of this task: a fault in `send` must not end the delivery of all others
            log.exception("sending failed in an unforeseen way")
            return await self._failed_over(message, type(error).__name__)
        self._failures = 0
        return True

    async def _failed_over(self, message: bytes, reason: str) -> bool:
        """Count a failure over this message; True when it was set aside, because others wait behind it."""
        self._failures += 1
        if self._failures < self._limits.failures_over_one:
            return False
        await self._set_aside(message, "failed-over", reason)
        self._failures = 0
        return True

    async def _set_aside(self, message: bytes, label: str, reason: str) -> None:
        LOST.labels(label).inc()
        log.error("message not taken by the far side, set aside", extra={"reason": reason})
        try:
            dropped = await asyncio.to_thread(self._spool.set_aside, message)
        except OSError as error:
            LOST.labels("disk").inc()
            log.error("message can be neither sent nor kept", extra={"error.type": type(error).__name__})
            return
        if dropped:
            LOST.labels("aside-full").inc(dropped)
            log.error("the oldest messages that were set aside are lost", extra={"messages": dropped})

    def _keep(self, message: bytes) -> None:
        try:
            self._spool.add(message)
        except OSError as error:
            LOST.labels("disk").inc()
            log.error("message can be neither sent nor kept", extra={"error.type": type(error).__name__})
        WAITING.set(len(self._spool))
