"""The fleet: a task for each region that opens it, watches it, and knows when it is lost. Read by reconcile.

A lost region keeps its last view and is left alone; what was seen of it stays until it answers again. One region's
trouble takes none of another's time: each has its own client, deadline and circuit.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.cluster import Cluster
from voiceplane_operator.kinds import CHILDREN
from voiceplane_operator.plan import parse_block
from voiceplane_operator.ports import free_block
from voiceplane_operator.target import PortBlock
from voiceplane_operator.watch import RegionWatch

log = logging.getLogger(__name__)
PROBE_S = 5.0
PROBE_EVERY_S = 5.0
LOST_AFTER = 2  # probes in a row without an answer: about 15 s
RETRY_S = (1.0, 2.0, 5.0, 10.0)  # then every 10 s: a region that comes back is found soon
LIST_S = 60.0


class Contact(Enum):
    """Whether a region answers."""

    OPENING = "opening"
    UP = "up"
    LOST = "lost"


@dataclass(slots=True)
class Region:
    """One region as the operator deals with it."""

    name: str
    spec: VoiceRegionSpec
    generation: int
    hub: str
    lost_since: str = ""  # RFC 3339, kept over restarts in the VoiceRegion's status
    contact: Contact = Contact.OPENING
    reason: str = "Connecting"
    problem: str = ""
    version: str = ""
    cluster: Cluster | None = None
    watch: RegionWatch | None = None
    reserved: dict[str, PortBlock] = field(default_factory=dict)
    again: asyncio.Event = field(default_factory=asyncio.Event)  # credentials changed, or a request failed

    @property
    def client(self) -> Cluster:
        """Return its API server; ClusterAwayError when it was lost since it was looked at."""
        if self.cluster is None:
            raise errors.ClusterAwayError(f"{self.name}: there is no contact any more")
        return self.cluster

    def block(self, gateway: str, known: str) -> PortBlock | None:
        """Return the ports of a gateway on its nodes, the same each time; None when the range is full.

        `known` is the annotation of its Deployment, if there is one: the truth over restarts.
        """
        there = parse_block(known)
        if there is not None:
            self.reserved.pop(gateway, None)
            return there
        if gateway in self.reserved:
            return self.reserved[gateway]
        assert self.watch is not None
        taken = [block for block in map(parse_block, self.watch.blocks()) if block is not None]
        block = free_block(self.spec, [*taken, *self.reserved.values()])
        if block is not None:
            self.reserved[gateway] = block
        return block


@dataclass(slots=True)
class Fleet:
    """All regions, each with its task; `changed` takes (region, owner), `contact` the region whose contact changed."""

    open: Callable[[VoiceRegionSpec], Awaitable[Cluster]]
    hub: str
    changed: Callable[[str], None]
    contact_changed: Callable[[str], None]
    regions: dict[str, Region] = field(default_factory=dict)
    _tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def put(self, name: str, spec: VoiceRegionSpec, *, generation: int, lost_since: str) -> None:
        """Take up a region, or its new specification."""
        known = self.regions.get(name)
        if known is not None and known.spec == spec:
            known.generation = generation
            return
        if known is not None:
            self._stop(name)
        region = Region(name, spec, generation, self.hub, lost_since or (known.lost_since if known else ""))
        self.regions[name] = region
        self._tasks[name] = asyncio.create_task(self._keep(region), name=f"region {name}")

    def drop(self, name: str) -> None:
        """Forget a region."""
        self.regions.pop(name, None)
        self._stop(name)

    def reopen(self, secret: str) -> None:
        """Open the regions anew whose kubeconfig is in this Secret."""
        for region in self.regions.values():
            if region.spec.kube_config is not None and region.spec.kube_config.name == secret:
                region.again.set()

    async def close(self) -> None:
        """End all tasks."""
        tasks = list(self._tasks.values())
        for name in list(self._tasks):
            self._stop(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    async def _keep(self, region: Region) -> None:
        failures = 0
        while True:
            try:
                await self._live(region)
                failures = 0
            except asyncio.CancelledError:
                raise
            except errors.ClusterError as error:
                self._down(region, error)
            except Exception as error:  # the task's outermost edge: one region's fault is not the others'
                log.exception("a region failed", extra={"region": region.name})
                self._down(region, errors.ClusterAwayError(f"{type(error).__name__}"))
            wait_s = RETRY_S[min(failures, len(RETRY_S) - 1)]
            failures += 1
            region.again.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await region.again.wait()

    async def _live(self, region: Region) -> None:
        """Open the region and watch it until it does not answer or its credentials change."""
        async with asyncio.timeout(PROBE_S * 2):
            cluster = await self.open(region.spec)
        watch = RegionWatch(cluster, region.spec.namespace, self.hub, self.changed)
        following: asyncio.Task[None] | None = None
        try:
            version = await cluster.version(within_s=PROBE_S)
            following = asyncio.create_task(watch.run(), name=f"watches of {region.name}")
            await self._while_watched(following, self._listed(watch, cluster, region))
            region.cluster, region.watch, region.version = cluster, watch, version
            self._up(region)
            await self._while_watched(following, self._probe(region, cluster))
        finally:
            region.cluster = None
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await cluster.close()

    async def _while_watched(self, following: "asyncio.Task[None]", waited: Coroutine[Any, Any, None]) -> None:
        """Wait for something as long as the watches go on: without them, what is known of a region grows old."""
        work = asyncio.create_task(waited)
        try:
            await asyncio.wait({work, following}, return_when=asyncio.FIRST_COMPLETED)
            if following.done() and not work.done():
                following.result()
                raise errors.ClusterAwayError("its watches have ended")
            work.result()
        finally:
            work.cancel()

    async def _listed(self, watch: RegionWatch, cluster: Cluster, region: Region) -> None:
        try:
            async with asyncio.timeout(LIST_S):
                await watch.ready.wait()
        except TimeoutError as error:  # say why: the watches only log it
            await cluster.list(CHILDREN[0], region.spec.namespace)
            raise errors.ClusterAwayError(f"{region.name}: its objects could not be listed in {LIST_S:g} s") from error

    async def _probe(self, region: Region, cluster: Cluster) -> None:
        missed = 0
        region.again.clear()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY_S):
                    await region.again.wait()
                    if region.problem != "suspected":
                        return  # credentials changed: open anew
            region.again.clear()
            region.problem = ""
            try:
                await cluster.version(within_s=PROBE_S)
                missed = 0
                await self._let_in(region, cluster)
            except errors.AccessDeniedError:
                raise
            except errors.ClusterError:
                missed += 1
                if missed >= LOST_AFTER:
                    raise

    async def _let_in(self, region: Region, cluster: Cluster) -> None:
        """Look whether the role is still there; AccessDeniedError. What else goes wrong says nothing of that."""
        with contextlib.suppress(errors.ClusterAwayError, errors.BusyError, errors.ConflictError, errors.NotThereError):
            await cluster.probe(CHILDREN[0], region.spec.namespace, within_s=PROBE_S)

    def _up(self, region: Region) -> None:
        region.contact, region.reason, region.problem, region.lost_since = Contact.UP, "Answers", "", ""
        log.info("region answers", extra={"region": region.name, "version": region.version})
        self.contact_changed(region.name)

    def _down(self, region: Region, error: errors.ClusterError) -> None:
        reason = "AccessDenied" if isinstance(error, errors.AccessDeniedError) else "NoAnswer"
        news = region.contact is not Contact.LOST or region.reason != reason
        region.contact, region.reason, region.problem = Contact.LOST, reason, str(error)
        region.lost_since = region.lost_since or now_text()
        if news:
            log.warning("region lost", extra={"region": region.name, "reason": str(error)})
            self.contact_changed(region.name)


def now_text() -> str:
    """Return this moment as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
