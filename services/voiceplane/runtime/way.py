"""The way of an outbox to the records process: in plain text inside a cluster, proved on both sides between clusters.

Used by records.client and the tool gateway. A certificate that is refused stops no call: what is sent waits in the
outbox, and why is told in words.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from voiceplane.runtime import outbox, tls, tls_problem

log = logging.getLogger(__name__)
AGAIN_S = 30.0  # a wrong certificate stays wrong until a person acts


class Way:
    """Where requests go; `problem` says why none arrives, as far as certificates tell, and is read from any thread."""

    def __init__(self, channel: tls.Channel) -> None:
        """Ask `channel` for the one to use."""
        self._channel = channel
        self.failed = asyncio.Event()
        self.problem: str | None = None

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[grpc.aio.Channel]:
        """Give the channel for one request; its failure becomes what it means to an outbox."""
        try:
            yield await self._channel()
        except tls.TlsFilesError as error:
            self.failed.set()
            raise outbox.TryLaterError(str(error)) from error
        except grpc.aio.AioRpcError as error:
            self.failed.set()
            raise outbox.failure(error) from error
        except asyncio.CancelledError:  # also the outbox's deadline
            self.failed.set()
            raise
        self.problem = None


@contextlib.asynccontextmanager
async def open_way(target: str, folder: Path | None) -> AsyncIterator[Way]:
    """Open the way to `target`, proved by the certificate in `folder` if there is one, until the block ends."""
    async with tls.channels(target, folder) as channel:
        way = Way(channel)
        if folder is None:
            yield way
            return
        looking = asyncio.create_task(_look(way, target, folder), name="look at certificates")
        try:
            yield way
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def _look(way: Way, target: str, folder: Path) -> None:
    """Find out after a failure what is wrong, not too often."""
    while True:
        await way.failed.wait()
        way.failed.clear()
        found = await tls_problem.why(target, folder) or None
        if found and found != way.problem:
            log.warning("records wait: they cannot be sent", extra={"reason": found})
        way.problem = found
        await asyncio.sleep(AGAIN_S)
