"""Reconcile the kinds beside the agents: regions with their connection and collector, policies, trunks."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.policy import digest
from voiceplane.contract.region import VoiceRegion, VoiceRegionSpec
from voiceplane_operator import errors, names
from voiceplane_operator.decide import status
from voiceplane_operator.decide.status import Judged
from voiceplane_operator.hub.queue import Key, Urgency
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Stored
from voiceplane_operator.moments import now, now_text
from voiceplane_operator.reconcile import bundles, converge, once, records
from voiceplane_operator.reconcile.leaving import Time, let_go, time_of
from voiceplane_operator.regions.fleet import Contact, Region

SOON_S = 5.0
LOOK_S = 30.0  # at a region's own Secret, which is not watched
MARGIN_S = 30.0  # after the drain timeout: pods that were told to end are killed by then
SHORT_DIGITS = 12  # as many as name a revision
Object = dict[str, Any]


@dataclass(slots=True)
class RegionReconciler:
    """Keeps the fleet as the VoiceRegions say, and their statuses as the fleet is."""

    hub: Hub

    async def reconcile(self, name: str) -> float | None:
        """Do one pass."""
        stored = self.hub.store.get("VoiceRegion", name)
        if stored is None:
            self.hub.fleet.drop(name)
            self._wake_agents()
            return None
        if stored.deleted_at and (stored.released or names.FINALIZER not in stored.finalizers):
            await self._let_go(stored)  # before anything is asked of an object, or a region, that may be broken
            return None
        try:
            spec = parse_region(stored).spec
        except errors.InvalidObjectError as error:
            if stored.deleted_at and name in self.hub.fleet.regions:
                return await self._remove(stored, self.hub.fleet.regions[name])
            await self._write(stored, status.invalid(error.reason, str(error)), None)
            return None
        before = self.hub.fleet.regions.get(name)
        region = self._put(stored, spec)
        if before is not region:
            self._wake_agents()
        if stored.deleted_at:
            return await self._remove(stored, region)
        if names.FINALIZER not in stored.finalizers:
            await self.hub.set_finalizers(stored, [*stored.finalizers, names.FINALIZER])
            stored = self.hub.store.get("VoiceRegion", name) or stored
        if region.contact is Contact.OPENING and stored.status.get("observedGeneration") == stored.generation:
            return None  # this process has just begun: what the status says holds until the region answers or does not
        problem = await self._once(region)
        proof = await records.secret(region)
        judged = [problem or _contact(region), _credentials(region), _watches(region), *proof]
        await self._write(stored, judged, region)
        if problem or any(one.status != status.TRUE for one in proof):
            return SOON_S
        return LOOK_S if proof else None

    def take_up(self, stored: Stored) -> None:
        """Begin to connect a region before its first pass; one that cannot be parsed says so in that."""
        with contextlib.suppress(errors.InvalidObjectError):
            self._put(stored, parse_region(stored).spec)

    def _put(self, stored: Stored, spec: VoiceRegionSpec) -> Region:
        lost_since = stored.status.get("lostSince") or ""
        self.hub.fleet.put(stored.name, spec, generation=stored.generation, lost_since=lost_since)
        return self.hub.fleet.regions[stored.name]

    async def _remove(self, stored: Stored, region: Region) -> float | None:
        """Let a deleted region go when its last call has ended; when its time is over, delete what is still there."""
        self._wake_agents()
        if self._never_reached(stored, region):
            await self._let_go(stored)
            return None
        time = time_of(stored.deleted_at, region.spec.drain_timeout, now(), margin_s=MARGIN_S)
        told = await self._left(region, time)
        if not told or time is Time.OVER or (time is Time.LATE and region.contact is not Contact.UP):
            await self._let_go(stored)
            return None
        latest = let_go(stored.deleted_at, region.spec.drain_timeout, margin_s=MARGIN_S)
        await self._write(stored, [Judged("Ready", status.FALSE, "Draining", f"{told}; {latest}")], region)
        return SOON_S

    def _never_reached(self, stored: Stored, region: Region) -> bool:
        """Say whether nothing of ours can be there: no call is waited for in a cluster that has not answered once."""
        if region.contact is not Contact.LOST or region.version or stored.status.get("version"):
            return False
        agents = (self.hub.store.get("VoiceAgent", one) for one in self.hub.store.names("VoiceAgent"))
        states = (state for one in agents if one is not None for state in one.status.get("regionStates") or ())
        return all(state.get("name") != stored.name for state in states)

    async def _left(self, region: Region, time: Time) -> str:
        """Remove what may be removed now; say what is left, empty when nothing is."""
        if region.contact is not Contact.UP or region.watch is None or region.cluster is None:
            return "the region does not answer"
        agents = [one for one in region.watch.views if one != names.REGION_MARK]
        if time is not Time.DRAINING:
            outcomes = await asyncio.gather(*(converge.remove(region, one, late=True) for one in agents))
            left = [one for one in outcomes if one.ready != status.TRUE]
            if left:
                return f"agents that are being removed: {len(left)}; {left[0].message or left[0].reason}"
        elif agents:
            return f"agents that finish their calls: {len(agents)}"
        try:
            await once.removed(region, self.hub.name)
        except errors.ClusterError as error:
            return str(error)
        return ""

    async def _let_go(self, stored: Stored) -> None:
        if names.FINALIZER in stored.finalizers:
            await self.hub.set_finalizers(stored, [one for one in stored.finalizers if one != names.FINALIZER])

    async def _once(self, region: Region) -> Judged | None:
        """Apply what a region has once; return what stands against it."""
        if region.contact is not Contact.UP or region.cluster is None or region.watch is None:
            return None
        try:
            await once.policies(region, self.hub.name)
            await once.configuration(region, self.hub.name)
        except errors.ClusterError as error:
            return _refused(error)
        return None

    async def _write(self, stored: Stored, judged: list[Judged], region: Region | None) -> None:
        now, generation = now_text(), stored.generation
        written: Object = {
            "observedGeneration": generation,
            "conditions": status.conditions(
                judged, stored.status.get("conditions") or [], now=now, generation=generation
            ),
            "lostSince": (region.lost_since or None) if region else stored.status.get("lostSince"),
        }
        if region is not None:
            written["version"] = region.version or stored.status.get("version")
            if region.watch is not None:
                written["agents"] = sum(1 for one in region.watch.views if one != names.REGION_MARK)
            counted = [
                calls
                for (place, one), calls in self.hub.calls.items()
                if place == region.name and self._holds(region, one)
            ]
            written["calls"] = sum(counted) if counted else None
        await self.hub.write_status(stored, written)

    def _holds(self, region: Region, prefix: str) -> bool:
        return region.watch is not None and prefix in region.watch.views

    def _wake_agents(self) -> None:
        for name in self.hub.store.names("VoiceAgent"):
            self.hub.queue.add(Key("VoiceAgent", name), Urgency.OBSERVED)


def _refused(error: errors.ClusterError) -> Judged:
    """Say why a region does not take what it has once: what the administrator can do differs."""
    if isinstance(error, errors.NotThereError):
        told = f"{error}. Install chart voiceplane-region there, which makes the namespace"
        return Judged("Ready", status.FALSE, "NotInstalled", told)
    if isinstance(error, errors.AccessDeniedError) and not isinstance(error, errors.CredentialsRefusedError):
        told = f"{error}. Give the operator's identity the role of chart voiceplane-region"
        return Judged("Ready", status.FALSE, "AccessDenied", told)
    if isinstance(error, errors.RejectedError):
        return Judged("Ready", status.FALSE, "Rejected", str(error))
    return Judged("Ready", status.UNKNOWN, "TriedAgain", str(error))


def _contact(region: Region) -> Judged:
    if region.contact is Contact.UP:
        if region.spec.suspend:
            told = f"API server {region.version}; takes no new agents (spec.suspend), and what runs there goes on"
            return Judged("Ready", status.TRUE, "Suspended", told)
        return Judged("Ready", status.TRUE, "Answers", f"API server {region.version}; takes agents")
    if region.contact is Contact.OPENING:
        return Judged("Ready", status.UNKNOWN, "Connecting", "the first connection is being made")
    told = f"{region.problem}. No new agents go there; what runs there goes on, and nothing of it is deleted"
    return Judged("Ready", status.UNKNOWN, region.reason, told)


def _credentials(region: Region) -> Judged:
    """Say whether the newest credentials are in use: the former ones go on as long as they are good."""
    reason, problem = region.unusable
    if reason:
        goes_on = ". The former credentials are used until they end" if region.contact is Contact.UP else ""
        return Judged("CredentialsCurrent", status.FALSE, reason, problem + goes_on)
    if region.contact is Contact.UP:
        return Judged("CredentialsCurrent", status.TRUE, "InUse", "the newest credentials are in use")
    return Judged("CredentialsCurrent", status.UNKNOWN, region.reason, "nothing is known of them without an answer")


def _watches(region: Region) -> Judged:
    """Say whether all that happens in the region is seen."""
    if region.contact is not Contact.UP or region.watch is None:
        return Judged("WatchesCurrent", status.UNKNOWN, region.reason, "nothing is seen of it without contact")
    told = region.watch.forbidden()
    if told:
        return Judged("WatchesCurrent", status.FALSE, converge.FORBIDDEN, told)
    return Judged("WatchesCurrent", status.TRUE, "Watching", "what changes there is seen at once")


def parse_region(stored: Stored) -> VoiceRegion:
    """Parse a stored VoiceRegion; InvalidObjectError."""
    raw = {**stored.raw(), "apiVersion": "voiceplane.dev/v1alpha1", "kind": "VoiceRegion"}
    try:
        return VoiceRegion.model_validate(raw, context=FROM_YAML)
    except ValidationError as error:
        raise errors.InvalidObjectError(bundles.explain(error)) from error


@dataclass(slots=True)
class PlainReconciler:
    """Writes the statuses of policies and trunks."""

    hub: Hub

    async def policy(self, name: str) -> float | None:
        """Write a policy's digest; agents are woken by handlers."""
        stored = self.hub.store.get("VoicePolicy", name)
        if stored is None or stored.deleted_at:
            return None
        parsed = digest(bundles.parse_policy(stored.raw()).spec)
        users = len(self.hub.store.agents_of_policy(name))
        judged = [Judged("Ready", status.TRUE, "Valid", f"used by {users} agent{'s' if users != 1 else ''}")]
        await self._write(stored, judged, {"digest": parsed, "shortDigest": parsed[:SHORT_DIGITS]})
        return None

    async def trunk(self, name: str) -> float | None:
        """Say whether a trunk's agent is there."""
        stored = self.hub.store.get("SIPTrunk", name)
        if stored is None or stored.deleted_at:
            return None
        agent = f"{stored.namespace}/{stored.raw()['spec'].get('agentRef', {}).get('name', '')}"
        there = self.hub.store.get("VoiceAgent", agent) is not None
        told = f"calls from its sources reach {agent}" if there else f"no VoiceAgent {agent}: correct spec.agentRef"
        reason = "AgentFound" if there else "AgentNotFound"
        await self._write(stored, [Judged("Accepted", status.TRUE if there else status.FALSE, reason, told)], {})
        return None

    async def _write(self, stored: Stored, judged: list[Judged], more: Object) -> None:
        before, generation = stored.status.get("conditions") or [], stored.generation
        written = {
            "observedGeneration": generation,
            "conditions": status.conditions(judged, before, now=now_text(), generation=generation),
            **more,
        }
        await self.hub.write_status(stored, written)
