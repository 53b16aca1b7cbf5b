"""Carry out a plan in one region: read the view, plan, apply, delete, and say how it went as a value."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from voiceplane_operator import errors
from voiceplane_operator.decide import autoscalers, lacking, plan
from voiceplane_operator.decide.facts import AgentView, holding
from voiceplane_operator.decide.serving import answering, live_revisions
from voiceplane_operator.decide.status import FALSE, TRUE, UNKNOWN, Outcome
from voiceplane_operator.manifests.bundle import POLICY_DIGEST
from voiceplane_operator.manifests.common import AGENT_FILE
from voiceplane_operator.manifests.target import PortBlock, Revision, Target
from voiceplane_operator.moments import now
from voiceplane_operator.names import HANDOVER, bundle_name, gateway_name
from voiceplane_operator.reconcile import once
from voiceplane_operator.reconcile.bundles import revision_of_text
from voiceplane_operator.regions.fleet import Contact, Region

DEADLINE_S = 30.0  # of one pass over one region; a slow one delays its own agents only
CONNECTING = "Connecting"
FORBIDDEN = "WatchForbidden"
UNSEEN = (CONNECTING, "RegionLost", FORBIDDEN)  # an event tells of their end
NO_PORT_BLOCK = "no block of ports is free: widen spec.network.firstPort..lastPort or lower spec.gateway.calls"


@dataclass(slots=True)
class Texts:
    """Bundles of older revisions, read back from the region that holds them."""

    known: dict[tuple[str, str], Revision] = field(default_factory=dict)

    async def older(self, region: Region, prefix: str, names: tuple[str, ...]) -> tuple[Revision, ...]:
        """Return the bundles of the older revisions that have calls there; others are forgotten."""
        if not names:
            self.forget(prefix)
        return await self.read(region, prefix, names)

    def forget(self, prefix: str) -> None:
        """Forget what is known of an agent."""
        for key in [key for key in self.known if key[0] == prefix]:
            del self.known[key]

    async def read(self, region: Region, prefix: str, names: tuple[str, ...]) -> tuple[Revision, ...]:
        """Return the bundles of some revisions; one that is nowhere any more is left out."""
        found = []
        for name in names:
            key = (prefix, name)
            if key not in self.known:
                try:
                    raw = await region.client.get("ConfigMap", bundle_name(prefix, name), region.spec.namespace)
                except errors.NotThereError:
                    continue
                digest = (raw["metadata"].get("annotations") or {}).get(POLICY_DIGEST, "")
                self.known[key] = revision_of_text(name, raw["data"][AGENT_FILE], digest)
            found.append(self.known[key])
        return tuple(found)


async def converge(region: Region, target: Target, texts: Texts, *, held: bool = False) -> Outcome:
    """Bring one agent in one region a step nearer; never raises for what the region does.

    `held`: the region keeps the revision that it serves until its step of the rollout begins.
    """
    if region.contact is not Contact.UP or region.cluster is None or region.watch is None:
        return unreachable(region)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return _seen(region, await (_hold if held else _converge)(region, target, texts))
    except TimeoutError:
        return Outcome(region.name, UNKNOWN, "Slow", f"no pass was finished in {DEADLINE_S:g} s; it is tried again")
    except errors.ClusterError as error:
        return _failed(region, error)


def _seen(region: Region, outcome: Outcome) -> Outcome:
    """Take back what is known of an agent where not all of it can be watched any more."""
    told = region.watch.forbidden() if region.watch is not None and not outcome.denied else ""
    return replace(outcome, ready=UNKNOWN, reason=FORBIDDEN, message=told) if told else outcome


async def remove(region: Region, prefix: str, *, late: bool = False) -> Outcome:
    """Remove an agent from a region a step further; never raises for what the region does. TRUE: nothing is left.

    `late`: its calls had their time, and all of it goes.
    """
    if region.contact is not Contact.UP or region.cluster is None or region.watch is None:
        return unreachable(region)
    planned = plan.remove(holding(region.watch.view(prefix), now()), late=late)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await _delete(region, planned.delete)
    except TimeoutError:
        return Outcome(region.name, UNKNOWN, "Slow", f"no pass was finished in {DEADLINE_S:g} s; it is tried again")
    except errors.ClusterError as error:
        return _failed(region, error)
    return Outcome(region.name, TRUE if planned.done else FALSE, planned.reason or "Gone", planned.message)


async def _hold(region: Region, target: Target, texts: Texts) -> Outcome:
    """Keep the revision that takes calls here as it is, repaired and sized; the newest waits."""
    assert region.watch is not None
    serving = answering(target, region.watch.view(target.prefix))
    kept = await texts.read(region, target.prefix, (serving,) if serving else ())
    if not kept or serving == target.revision.name:  # nothing to lose here
        return await _converge(region, target, texts)
    known = target.credential if kept[0].credential == target.revision.credential else ""
    outcome = await _converge(region, replace(target, revision=kept[0], credential=known), texts)
    told = f"keeps revision {serving}; {target.revision.name} comes when the regions before it serve it (rollout.steps)"
    return replace(outcome, ready=FALSE, reason="StepWaits", message=told, verified=False)


async def _converge(region: Region, target: Target, texts: Texts) -> Outcome:
    assert region.watch is not None
    await once.policies(region, target.hub)
    view = holding(region.watch.view(target.prefix), now())
    current = target.revision.name
    older = await texts.older(region, target.prefix, live_revisions(view, current))
    target = replace(target, others=older, block=_block(region, target, view))
    if target.spec.network.exposure == "host" and target.block is None:
        return Outcome(region.name, FALSE, "NoPortBlock", NO_PORT_BLOCK, denied=True)
    planned = plan.converge(target, view)
    wanted = {one["kind"] for one in planned.apply}
    lacks = sorted(wanted & lacking.OPTIONAL & region.watch.missing)
    for one in planned.hand_over:
        await region.client.apply(one, manager=HANDOVER)
    # KEDA's admission refuses a ScaledObject while another autoscaler has the Deployment
    await _delete(region, [one for one in planned.delete if one[0] in autoscalers.SCALERS])
    comes = [one for one in planned.apply if one["kind"] not in lacks]
    await once.apply(region, [one for one in comes if one["kind"] not in autoscalers.SCALERS])
    for one in planned.begin:
        await region.client.apply(one, manager=HANDOVER)
    await once.apply(region, [one for one in comes if one["kind"] in autoscalers.SCALERS])
    await _delete(region, [one for one in planned.delete if one[0] not in autoscalers.SCALERS])
    if lacks:
        denied = lacks[0] in region.watch.denied
        reason, told = lacking.told(lacks[0], target.namespace, denied=denied)
        if planned.serving:
            told += f". Calls are answered by revision {planned.serving}, by as many gateways as there are"
        return Outcome(region.name, FALSE, reason, told, planned.serving, denied=True, address=planned.address)
    if planned.apply and planned.serving == current:  # what was applied may have been all that was left
        planned = plan.converge(target, holding(region.watch.view(target.prefix), now()))
    verified = any(one.component == "gateway" and one.revision == current and one.ready for one in view.pods.values())
    ready = TRUE if planned.ready else FALSE
    scaling = autoscalers.judge(region.watch.view(target.prefix), planned.serving, now())
    reason, told = autoscalers.told(planned.reason, planned.message, scaling)
    return Outcome(
        region.name, ready, reason, told, planned.serving, planned.draining, verified=verified or planned.ready,
        scaling=scaling, address=planned.address,
    )  # fmt: skip


def _block(region: Region, target: Target, view: AgentView) -> PortBlock | None:
    if target.spec.network.exposure != "host":
        return None
    name = gateway_name(target.prefix, target.revision.name)
    known = view.children.get(("Deployment", name))
    return region.block(name, known.block if known else "")


async def _delete(region: Region, what: Iterable[tuple[str, str]]) -> None:
    client, namespace = region.client, region.spec.namespace
    deletes = (client.delete(kind, name, namespace) for kind, name in what)
    for answer in await asyncio.gather(*deletes, return_exceptions=True):  # what is refused holds up nothing else
        if isinstance(answer, BaseException):
            raise answer


def unreachable(region: Region) -> Outcome:
    """Tell of a region without contact."""
    since = f" since {region.lost_since}" if region.lost_since else ""
    if region.contact is Contact.OPENING:
        return Outcome(region.name, UNKNOWN, CONNECTING, "the region is being connected")
    told = f"no contact{since}: {region.problem}. What runs there goes on; nothing is deleted or moved"
    return Outcome(region.name, UNKNOWN, "RegionLost", told)


def _failed(region: Region, error: errors.ClusterError) -> Outcome:
    if isinstance(error, errors.ClusterAwayError):
        region.suspected.set()  # let the probe find out now
        return Outcome(region.name, UNKNOWN, "NoAnswer", str(error))
    if isinstance(error, errors.CredentialsRefusedError):  # the region's trouble, which its own condition tells
        region.suspected.set()
        return Outcome(region.name, UNKNOWN, error.reason, str(error))
    if isinstance(error, errors.AccessDeniedError):
        told = f"the operator may not do this there: {error}. Give its identity the role of chart voiceplane-region"
        return Outcome(region.name, FALSE, "AccessDenied", told, denied=True)
    if isinstance(error, errors.NotThereError):
        told = f"{error}. Install chart voiceplane-region, which makes the namespace"
        return Outcome(region.name, FALSE, "NotInstalled", told, denied=True)
    if isinstance(error, errors.RejectedError):
        return Outcome(region.name, FALSE, "Rejected", str(error), denied=True)
    return Outcome(region.name, FALSE, "TriedAgain", str(error))
