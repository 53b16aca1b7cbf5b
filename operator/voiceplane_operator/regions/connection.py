"""One connection to a region: opened, proved, watched. Made by regions before the former one ends."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.api.kinds import CHILDREN
from voiceplane_operator.regions.watch import RegionWatch

OPEN_S = 30.0  # a credential plugin has most of it
PROBE_S = 5.0
LIST_S = 60.0
Open = Callable[[VoiceRegionSpec], Awaitable[Cluster]]


@dataclass(slots=True)
class Connection:
    """A client of a region with its watches, which have listed everything."""

    cluster: Cluster
    watch: RegionWatch
    version: str
    following: "asyncio.Task[None]"

    def check(self) -> None:
        """Raise what ended the watches, if they did: without them, what is known of a region grows old."""
        if self.following.done():
            self.following.result()
            raise errors.ClusterAwayError("its watches have ended")

    async def close(self, *, after_s: float = 0.0) -> None:
        """End the watches, and the client when what was asked through it had its time."""
        self.following.cancel()
        try:
            await asyncio.gather(self.following, return_exceptions=True)
            await asyncio.sleep(after_s)
        finally:
            await self.cluster.close()


async def opened(open_: Open, spec: VoiceRegionSpec) -> tuple[Cluster, str]:
    """Return a client that was let in, and the API server's version; ClusterError."""
    try:
        async with asyncio.timeout(OPEN_S):
            cluster = await open_(spec)
    except TimeoutError as error:
        raise errors.ClusterAwayError(f"its credentials could not be had in {OPEN_S:g} s") from error
    try:
        return cluster, await prove(cluster, spec)
    except BaseException:
        await cluster.close()
        raise


async def prove(cluster: Cluster, spec: VoiceRegionSpec) -> str:
    """Return the version of an API server that answers and lets us in; ClusterError.

    What else goes wrong with the second question says nothing of whether we are let in.
    """
    version = await cluster.version(within_s=PROBE_S)
    with contextlib.suppress(errors.ClusterAwayError, errors.BusyError, errors.ConflictError, errors.NotThereError):
        await cluster.probe(CHILDREN[0], spec.namespace, within_s=PROBE_S)
    return version


async def watched(
    client: tuple[Cluster, str], spec: VoiceRegionSpec, hub: str, changed: Callable[[str], None], *, name: str
) -> Connection:
    """Return a connection by this client once everything is listed; ClusterError, and the client is closed."""
    cluster, version = client
    watch = RegionWatch(cluster, spec.namespace, hub, changed)
    following = asyncio.create_task(watch.run(), name=f"watches of {name}")
    connection = Connection(cluster, watch, version, following)
    listed = asyncio.create_task(watch.ready.wait())
    try:
        await asyncio.wait({listed, following}, timeout=LIST_S, return_when=asyncio.FIRST_COMPLETED)
        connection.check()
        if not listed.done():  # say why: the watches only log it
            if told := watch.forbidden():
                raise errors.AccessDeniedError(told)
            await cluster.list(CHILDREN[0], spec.namespace)
            raise errors.ClusterAwayError(f"{name}: its objects could not be listed in {LIST_S:g} s")
    except BaseException:
        listed.cancel()
        await connection.close()
        raise
    return connection
