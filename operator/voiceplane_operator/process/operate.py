"""Run the operator: events from handlers into memory and queue, workers from the queue into reconcilers."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from voiceplane_operator import errors, names
from voiceplane_operator.api.kinds import KINDS
from voiceplane_operator.definitions import schema
from voiceplane_operator.hub.queue import Key, Urgency
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Stored
from voiceplane_operator.process import health
from voiceplane_operator.process.settings import Settings
from voiceplane_operator.reconcile import bundles
from voiceplane_operator.reconcile.agents import AgentReconciler
from voiceplane_operator.reconcile.others import PlainReconciler, RegionReconciler
from voiceplane_operator.regions import calls
from voiceplane_operator.regions.fleet import Contact

log = logging.getLogger(__name__)
PASS_S = 120.0  # the deadline of one pass over everything of one object
SCHEMA_EVERY_S, SCHEMA_AGAIN_S = 15.0, 5.0  # the second while there is a problem
COMPARE_EVERY_S = 60.0  # names only
RETRY_S = 1.0
COUNT_S = 2.0  # agents come in flocks too: their policy counts them once
GATHER_S = 0.1  # what happens in a region comes in flocks, such as four Deployments that begin: one pass sees them all
Object = dict[str, Any]


@dataclass(slots=True)
class Operation:
    """The running operator, without the watch shell around it."""

    hub: Hub
    settings: Settings
    agents: AgentReconciler = field(init=False)
    regions: RegionReconciler = field(init=False)
    passes: dict[str, Callable[[str], Awaitable[float | None]]] = field(init=False)
    definitions: Mapping[str, str] = field(default_factory=dict)  # uids of those that the watches began on
    _heard: dict[str, float] = field(default_factory=dict)  # kind -> loop time of its last event

    def __post_init__(self) -> None:
        """Build the reconcilers."""
        plain = PlainReconciler(self.hub)
        self.agents, self.regions = AgentReconciler(self.hub), RegionReconciler(self.hub)
        self.passes = {
            "VoiceAgent": self.agents.reconcile,
            "VoiceRegion": self.regions.reconcile,
            "VoicePolicy": plain.policy,
            "SIPTrunk": plain.trunk,
        }

    def tell(self, kind: str, raw: Object) -> None:
        """Take an event of the watch shell: remember the object, name what it concerns."""
        stored = self.hub.store.read(raw)
        self._heard[stored.kind] = asyncio.get_running_loop().time()
        if kind == "DELETED":
            self.forget(stored)
            return
        before = self.hub.store.get(stored.kind, stored.full_name)
        if before is not None and before.newer_than(stored):
            return  # heard already, from a list or our own write
        self.hub.store.put(stored)
        if stored.same_wish(before):
            return  # our own status, or somebody's label
        urgency = Urgency.DELETED if stored.deleted_at else Urgency.CHANGED
        self._add(stored.kind, stored.full_name, urgency if kind != "LISTED" else Urgency.RESYNC)
        self._wake_others(stored, before)

    def forget(self, stored: Stored) -> None:
        """Take the end of an object."""
        self.hub.store.drop(stored.kind, stored.full_name)
        self._add(stored.kind, stored.full_name, Urgency.DELETED)
        self._wake_others(stored, None)

    def _wake_others(self, stored: Stored, before: Stored | None) -> None:
        """Look again at what depends on an object."""
        if stored.kind == "VoicePolicy":
            for agent in self.hub.store.agents_of_policy(stored.full_name):
                self._add("VoiceAgent", agent, Urgency.CHANGED)
        elif stored.kind == "SIPTrunk":
            name = stored.raw()["spec"].get("agentRef", {}).get("name", "")
            self._add("VoiceAgent", f"{stored.namespace}/{name}", Urgency.CHANGED)
        elif stored.kind == "VoiceAgent":
            for trunk in self.hub.store.trunks_of_agent(stored.full_name):
                self._add("SIPTrunk", trunk.full_name, Urgency.OBSERVED)
            if before is None or before.spec != stored.spec:
                for one in (stored, before):
                    self._count_users(one)

    def _count_users(self, agent: Stored | None) -> None:
        """Have an agent's policy say anew how many name it."""
        policy = bundles.policy_name(agent.raw()) if agent is not None else ""
        if agent is not None and policy:
            key = Key("VoicePolicy", names.full_name(agent.namespace, policy))
            self.hub.queue.add(key, Urgency.OBSERVED, delay_s=COUNT_S)

    def observed(self, owner: str) -> None:
        """Look again at an agent, of which something changed in a region."""
        key = Key("VoiceAgent" if "/" in owner else "VoiceRegion", owner)
        self.hub.queue.add(key, Urgency.OBSERVED, delay_s=GATHER_S)

    def counted(self, region: str, owner: str) -> None:
        """Look again at an agent and its region: the number of live calls there is another."""
        self._add("VoiceAgent", owner, Urgency.RESYNC)
        self._add("VoiceRegion", region, Urgency.RESYNC)

    def contact_changed(self, region: str) -> None:
        """Look again at a region and at all that may be, or may have to be, in it."""
        self._add("VoiceRegion", region, Urgency.CHANGED)
        self._add_all("VoiceAgent", Urgency.OBSERVED)
        known = self.hub.fleet.regions.get(region)
        if known is not None and known.watch is not None:
            for owner in known.watch.owners.values():  # also of agents that are no more
                if "/" in owner:
                    self._add("VoiceAgent", owner, Urgency.OBSERVED)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._run()
        finally:
            await self.agents.behind.close()

    async def _run(self) -> None:
        await self._remember_all()
        async with asyncio.TaskGroup() as group:
            for number in range(self.settings.workers):
                group.create_task(self._work(), name=f"worker {number}")
            group.create_task(self._resync(), name="resync")
            group.create_task(self._compare(), name="comparison")
            if self.settings.calls_every_s > 0:
                counting = calls.count(
                    self.hub.fleet, self.hub.calls, self.counted, every_s=self.settings.calls_every_s
                )
                group.create_task(counting, name="calls")

    async def _remember_all(self) -> None:
        """Learn of every object before any is judged: a policy, a region or a trunk not yet heard of is not absent."""
        for kind in self.passes:
            told = ""
            while True:
                try:
                    async for found, _ in self.hub.cluster.pages(KINDS[kind], None):
                        for raw in found:
                            self.tell("LISTED", {**raw, "kind": kind})
                    break
                except errors.ClusterError as error:
                    if str(error) != told:
                        told = str(error)
                        log.warning("objects cannot be listed", extra={"kind": kind, "reason": told})
                    await asyncio.sleep(RETRY_S)
        for stored in self.hub.store.all("VoiceRegion"):
            self.regions.take_up(stored)
        # As counted before this process: the next count says what differs.
        for stored in self.hub.store.all("VoiceAgent"):
            for state in stored.status.get("regionStates") or ():
                if state.get("calls") is not None:
                    self.hub.calls[state["name"], names.prefix(stored.full_name)] = state["calls"]

    async def _compare(self) -> None:
        """Forget what was deleted while nobody watched: a watch that begins anew does not tell of it."""
        while True:
            await asyncio.sleep(COMPARE_EVERY_S)
            for kind in self.passes:
                there: set[tuple[str, str]] = set()
                since = ""
                try:
                    async for found, at in self.hub.cluster.pages(KINDS[kind], None, whole=False):
                        since = at
                        there |= {(one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in found}
                except errors.ClusterError as error:
                    log.info("objects cannot be listed", extra={"kind": kind, "reason": str(error)})
                    continue
                for stored in self.hub.store.older(kind, since):
                    if (stored.namespace, stored.name) not in there:
                        self.forget(stored)

    def refresh_metrics(self) -> None:
        """Bring the gauges up to date."""
        health.DEPTH.set(self.hub.queue.depth())
        health.UNFINISHED.set(self.hub.queue.active_s())
        lost = sum(1 for one in self.hub.fleet.regions.values() if one.contact is Contact.LOST)
        health.REGIONS_LOST.set(lost)

    def _add(self, kind: str, name: str, urgency: Urgency) -> None:
        self.hub.queue.add(Key(kind, name), urgency)

    def _add_all(self, kind: str, urgency: Urgency) -> None:
        for name in self.hub.store.names(kind):
            self._add(kind, name, urgency)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            key = await self.hub.queue.get()
            begun, result = loop.time(), "ok"
            try:
                async with asyncio.timeout(PASS_S):
                    again_s = await self.passes[key.kind](key.name)
                self.hub.queue.done(key, again_s=again_s)
            except (errors.ConflictError, errors.NotThereError):
                result = "conflict"  # somebody was faster: its event is on the way
                self.hub.queue.failed(key)
            except errors.BusyError as error:
                result = "busy"
                self.hub.queue.failed(key, after_s=error.after_s)
            except (errors.OperatorError, TimeoutError) as error:
                result = "error"
                log.warning("a pass failed", extra={"kind": key.kind, "object": key.name, "reason": str(error)})
                self.hub.queue.failed(key)
            except Exception:  # the task's outermost edge: one object's fault is not the others'
                result = "fault"
                log.exception("a pass failed in an unforeseen way", extra={"kind": key.kind, "object": key.name})
                self.hub.queue.failed(key, after_s=5.0)
            health.RECONCILES.labels(key.kind, result).inc()
            health.RECONCILE_SECONDS.labels(key.kind).observe(loop.time() - begun)

    async def _resync(self) -> None:
        """Look at everything again, spread over the interval."""
        while True:
            await asyncio.sleep(self.settings.resync_s)
            for kind in self.passes:
                for name in self.hub.store.names(kind):
                    delay_s = random.uniform(0.0, self.settings.resync_s / 2)
                    self.hub.queue.add(Key(kind, name), Urgency.RESYNC, delay_s=delay_s)

    async def watch_schema(self) -> None:
        """Compare the definitions on the hub with this version's again and again, also while another replica leads.

        OperatorError when those that the watches began on are no more there: whoever starts this anew sees the new.
        """
        before = ""
        while True:
            try:
                seen = await schema.look(self.hub.cluster)
            except errors.ClusterError as error:
                log.info("the definitions could not be compared", extra={"reason": str(error)})
            else:
                self._take_problem(seen.problem)
                told = schema.changed(self.definitions, seen.uids)
                if told and told == before:
                    raise errors.DefinitionsChangedError(told)
                before = told
            await asyncio.sleep(SCHEMA_AGAIN_S if self.hub.schema_problem or before else SCHEMA_EVERY_S)

    def _take_problem(self, problem: str) -> None:
        if problem == self.hub.schema_problem:
            return
        self.hub.schema_problem = problem
        health.SCHEMA_SKEW.set(1 if problem else 0)
        if problem:
            log.error("definitions of another version", extra={"reason": problem})
        self._add_all("VoiceAgent", Urgency.RESYNC)

    def progress(self) -> health.Progress:
        """Tell how old everything is."""
        queue, now = self.hub.queue, asyncio.get_running_loop().time()
        (active, active_s), (due, due_s) = queue.oldest_active(), queue.oldest_due()
        regions = {
            name: health.RegionAges(one.contact.value, one.watch.ages(now) if one.watch is not None else {})
            for name, one in self.hub.fleet.regions.items()
        }
        heard = {kind: now - at for kind, at in self._heard.items()}
        return health.Progress(
            active_s, _named(active), due_s, _named(due), queue.idle_s(), queue.depth(), heard, regions
        )


def _named(key: Key | None) -> str:
    return f"{key.kind} {key.name}" if key is not None else ""
