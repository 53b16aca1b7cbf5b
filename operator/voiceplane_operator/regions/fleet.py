"""The fleet: a task for each region that opens it, watches it, and knows when it is lost. Read by reconcile.

A lost region keeps its last view and is left alone; what was seen of it stays until it answers again. One region's
trouble takes none of another's time: each has its own client, deadline and circuit. New credentials are proved
before the former ones go, so nobody notices when they change.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from voiceplane.contract.region import ClusterProfile, KubeConfig, VoiceRegionSpec
from voiceplane_operator import errors
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.decide.plan import parse_block
from voiceplane_operator.decide.ports import free_block
from voiceplane_operator.manifests.target import PortBlock
from voiceplane_operator.moments import now_text
from voiceplane_operator.regions.connection import Connection, Open, opened, prove, watched
from voiceplane_operator.regions.watch import RegionWatch

log = logging.getLogger(__name__)
Object = dict[str, Any]
PROBE_EVERY_S = 5.0
LOST_AFTER = 2  # probes in a row without an answer: about 15 s
RETRY_S = (1.0, 2.0, 5.0, 10.0)  # then every 10 s: a region that comes back is found soon
RENEW_AGAIN_S = 10.0
LEAVE_S = 40.0  # longer than a pass, which may have begun on a connection that another has replaced


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
    policies: tuple[Object, ...] = ()  # of the network, as applied before any agent's pods: by reconcile
    making: asyncio.Lock = field(default_factory=asyncio.Lock)  # them
    unusable: tuple[str, str] = ("", "")  # reason and message: why the newest credentials are not those in use
    stale: asyncio.Event = field(default_factory=asyncio.Event)  # there may be other credentials
    suspected: asyncio.Event = field(default_factory=asyncio.Event)  # a request was not answered: probe now

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

    open: Open
    hub: str
    changed: Callable[[str], None]
    contact_changed: Callable[[str], None]
    regions: dict[str, Region] = field(default_factory=dict)
    _tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _leaving: set["asyncio.Task[None]"] = field(default_factory=set)  # former connections

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

    def renew(self, source: KubeConfig | ClusterProfile) -> None:
        """Look for new credentials of the regions that have theirs from there; of a Secret, whatever the key."""
        for region in self.regions.values():
            own = region.spec.kube_config if isinstance(source, KubeConfig) else region.spec.cluster_profile
            same_secret = isinstance(own, KubeConfig) and own.name == source.name
            if same_secret or (own is not None and own == source):
                region.stale.set()

    async def close(self) -> None:
        """End all tasks."""
        tasks = [*self._tasks.values(), *self._leaving]
        for name in list(self._tasks):
            self._stop(name)
        for leaving in self._leaving:
            leaving.cancel()
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
            except asyncio.CancelledError:
                raise
            except errors.ClusterError as error:
                failures = 0 if region.contact is Contact.UP else failures
                self._down(region, error)
            except Exception as error:  # the task's outermost edge: one region's fault is not the others'
                log.exception("a region failed", extra={"region": region.name})
                self._down(region, errors.ClusterAwayError(f"{type(error).__name__}"))
            wait_s = RETRY_S[min(failures, len(RETRY_S) - 1)]
            failures += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await region.stale.wait()

    async def _live(self, region: Region) -> None:
        """Open the region and stay with it until it does not answer or lets us in no more."""
        region.stale.clear()
        client = await opened(self.open, region.spec)
        connection = await watched(client, region.spec, self.hub, self.changed, name=region.name)
        try:
            self._use(region, connection)
            self._up(region)
            while True:
                former, connection = connection, await self._stay(region, connection)
                self._use(region, connection)
                self._told(region, None)
                leaving = asyncio.create_task(former.close(after_s=LEAVE_S), name=f"former connection of {region.name}")
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
        finally:
            region.cluster = None
            await connection.close()

    def _use(self, region: Region, connection: Connection) -> None:
        region.cluster, region.watch, region.version = connection.cluster, connection.watch, connection.version

    async def _stay(self, region: Region, connection: Connection) -> Connection:
        """Probe and renew until the region is reached in another way; ClusterError when it is lost."""
        probing = asyncio.create_task(self._probe(region, connection.cluster))
        renewing = asyncio.create_task(self._renew(region, connection))
        try:
            await asyncio.wait({probing, renewing, connection.following}, return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():  # whatever became of the former one
                return renewing.result()
            if probing.done():
                probing.result()
            connection.check()
            raise errors.ClusterAwayError("nobody probes it any more")
        finally:
            probing.cancel()
            renewing.cancel()
            await asyncio.gather(probing, renewing, return_exceptions=True)

    async def _probe(self, region: Region, cluster: Cluster) -> None:
        """Ask now and then whether the region answers, at once when it is suspected; ClusterError when it is lost."""
        missed = 0
        while True:
            if missed:
                await asyncio.sleep(PROBE_EVERY_S)  # to be suspected says no more than is known
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_EVERY_S):
                        await region.suspected.wait()
            region.suspected.clear()
            try:
                await prove(cluster, region.spec)
                missed = 0
            except errors.ClusterError as error:
                missed += 1
                if missed >= LOST_AFTER:
                    raise
                if isinstance(error, errors.AccessDeniedError):
                    region.stale.set()  # there may be new credentials already

    async def _renew(self, region: Region, connection: Connection) -> Connection:
        """Take up new credentials, proved first, as often as there are any; the former ones go on until then.

        They go into the client that everybody has. Only when they are for another API server, which has another
        history, there is another connection, and it is returned.
        """
        loop, renew_at = asyncio.get_running_loop(), connection.cluster.renew_at
        while True:
            wait_s = None if math.isinf(renew_at) else max(0.0, renew_at - loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await region.stale.wait()
            region.stale.clear()
            try:
                client = await opened(self.open, region.spec)
                if client[0].endpoint != connection.cluster.endpoint:
                    return await watched(client, region.spec, self.hub, self.changed, name=region.name)
                connection.cluster.adopt(client[0])
                renew_at = connection.cluster.renew_at
                self._told(region, None)
            except errors.ClusterError as error:
                renew_at = loop.time() + RENEW_AGAIN_S
                self._told(region, error)

    def _told(self, region: Region, error: errors.ClusterError | None) -> None:
        """Remember what is wrong with the newest credentials."""
        news = (error.reason, str(error)) if error is not None else ("", "")
        if news != region.unusable:
            region.unusable = news
            if error is not None:
                log.warning("new credentials cannot be used", extra={"region": region.name, "reason": str(error)})
            self.changed(region.name)

    def _up(self, region: Region) -> None:
        region.contact, region.reason, region.problem, region.lost_since = Contact.UP, "Answers", "", ""
        region.unusable = ("", "")
        log.info("region answers", extra={"region": region.name, "version": region.version})
        self.contact_changed(region.name)

    def _down(self, region: Region, error: errors.ClusterError) -> None:
        news = region.contact is not Contact.LOST or region.reason != error.reason
        words = region.problem != str(error)  # one who mends what was told reads what is wrong next
        region.contact, region.reason, region.problem = Contact.LOST, error.reason, str(error)
        region.unusable = (error.reason, str(error)) if isinstance(error, errors.AccessDeniedError) else ("", "")
        region.lost_since = region.lost_since or now_text()
        if news:
            log.warning("region lost", extra={"region": region.name, "reason": str(error)})
            self.contact_changed(region.name)
        elif words:
            self.changed(region.name)
