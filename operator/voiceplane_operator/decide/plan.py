"""Decide what to apply and what to delete for one agent in one region. Pure: facts in, a Plan out.

Order is safety. What all revisions share knows a new revision before its gateways take a call; new calls move when the
new gateways are up; the old Deployment is deleted then, and each of its pods, told to end, finishes its calls first
(its grace period is the region's drain timeout). What those calls need stays until the last pod is gone.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import orjson

from voiceplane_operator import names
from voiceplane_operator.decide import engines
from voiceplane_operator.decide.autoscalers import SCALERS
from voiceplane_operator.decide.facts import AgentView, Child
from voiceplane_operator.decide.serving import (
    INNER_WORKLOADS,
    answering,
    available,
    counted,
    earlier,
    gateways,
    live_revisions,
    pointed,
    up,
)
from voiceplane_operator.decide.status import STARTING
from voiceplane_operator.manifests import Manifest, bundle, gateway, render_gateway, render_inner
from voiceplane_operator.manifests.common import SIP
from voiceplane_operator.manifests.target import PortBlock, Target

Counts = tuple[tuple[Manifest, ...], tuple[Manifest, ...]]
MOST_ADDRESSES = 3  # of one Service: IPv4, IPv6 and a name
MAX_EARLIER = 4  # one that serves and three whose calls go on; gateways of a fifth revision wait


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and what is seen."""

    hand_over: tuple[Manifest, ...] = ()  # before the rest, as names.HANDOVER
    apply: tuple[Manifest, ...] = ()
    begin: tuple[Manifest, ...] = ()  # after the rest and before the autoscalers, as names.HANDOVER
    delete: tuple[tuple[str, str], ...] = ()  # (kind, name)
    serving: str = ""
    draining: tuple[str, ...] = ()
    ready: bool = False
    reason: str = ""
    message: str = ""
    address: str = ""  # that a load balancer has for SIP
    done: bool = False  # nothing more to do until something changes


def digest(manifest: Manifest) -> str:
    """Return the hash that tells whether an object was applied from this manifest."""
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def marked(manifest: Manifest) -> Manifest:
    """Return the manifest with its own hash as an annotation."""
    meta = manifest["metadata"]
    notes = {**meta.get("annotations", {}), names.APPLIED: digest(manifest)}
    return {**manifest, "metadata": {**meta, "annotations": notes}}


def parse_block(text: str) -> PortBlock | None:
    """Read a block of ports from a Deployment's annotation."""
    first, _, size = text.partition("+")
    return PortBlock(int(first), int(size)) if first.isdecimal() and size.isdecimal() else None


def _passed_over(view: AgentView, older: Iterable[str], takes: str) -> set[str]:
    """Return the older revisions that no new call goes to: edited again before they were up, they would wait for ever.

    Their pods finish the calls that they may have.
    """
    return set(older) - {takes, pointed(view)}


def converge(target: Target, view: AgentView) -> Plan:
    """Plan a step towards the target; `target.others` are the bundles of live_revisions."""
    current = target.revision.name
    older = live_revisions(view, current)
    target = counted(target, view)
    takes = answering(target, view)
    full = len(older) >= MAX_EARLIER and not any(one.revision == current for one in gateways(view))
    engine = target.spec.planner.engine
    asks = engines.asked(view, current, engine)
    leaving = engines.leaving(view, engine, asks)
    addressed = target.spec.network.service_type == "LoadBalancer" or gateway.address(target) in view.children
    target = replace(target, serving=takes, planner=asks, leaving=leaving, addressed=addressed)
    bundles = (one for older_one in target.others for one in bundle.manifests(replace(target, revision=older_one)))
    wanted = [*bundles, *render_inner(target), *render_gateway(target, begin=not full)]
    apply = tuple(manifest for manifest in map(marked, wanted) if not unchanged(view, manifest))
    keep = {(one["kind"], one["metadata"]["name"]) for one in wanted}
    keep |= {("ConfigMap", names.bundle_name(target.prefix, revision)) for revision in older}
    if older or (target.revision.credential and not target.credential):  # a planner with it still runs
        keep |= {(one.kind, one.name) for one in view.children.values() if one.kind == "Secret"}
    pending = [one for one in apply if not _only_scaled(view, one)]
    ready = takes == current and not pending
    if earlier(view, current):  # calls that moved because no other gateway was up may have too few now
        ready = ready and available(view, current) >= target.needed
    if not ready:  # an old gateway goes only when nothing stands between a call and the new one
        behind = set(older) - (_passed_over(view, older, takes) if full else set())
        keep |= {(one.kind, one.name) for one in view.children.values() if one.revision in behind}
    delete = tuple(
        (one.kind, one.name) for one in view.children.values() if not one.deleting and (one.kind, one.name) not in keep
    )
    address = _address(target, view)
    reason, message = _judge(target, view, address, full=full, ready=ready)
    done = ready and not apply and not delete and not older
    changed = {one["metadata"]["name"] for one in apply if one["kind"] == "Deployment"}
    hand_over, begin = _counts(view, wanted, changed=changed, floor=target.floor)
    return Plan(hand_over, apply, begin, delete, takes, older, ready, reason, message, address, done=done)


def _counts(view: AgentView, wanted: Iterable[Manifest], *, changed: Collection[str], floor: int) -> Counts:
    """Return the replicas of Deployments that an autoscaler gets, before and after they are applied.

    What nobody owns falls back to one, and begins with one: those that are there stay as many, and no revision has
    fewer than take the calls until now, whether its autoscaler comes or not.
    """
    before, after = [], []
    for one in wanted:
        meta, known = one["metadata"], view.rollouts.get((one["kind"], one["metadata"]["name"]))
        if (
            one["kind"] != "Deployment"
            or "replicas" in one["spec"]
            or _scaled(view, meta["labels"].get(names.REVISION, ""))
        ):
            continue
        named = {"name": meta["name"], "namespace": meta["namespace"]}
        count = max(floor, known.wanted if known is not None else 1)
        kept = {"apiVersion": one["apiVersion"], "kind": one["kind"], "metadata": named, "spec": {"replicas": count}}
        if known is None:
            after += [kept] if count > 1 else []
        elif meta["name"] in changed or count > known.wanted:
            before.append(kept)
    return tuple(before), tuple(after)


def _scaled(view: AgentView, revision: str) -> bool:
    """Say whether an autoscaler has the gateways of a revision."""
    return any(one.kind in SCALERS and one.revision == revision for one in view.children.values())


def remove(view: AgentView, *, late: bool = False) -> Plan:
    """Plan the removal of an agent from a region: gateways first, the rest when their last call has ended.

    `late`: the time that calls have to end is over, and nothing is waited for any more.
    """
    if late:
        left = [one for one in view.children.values() if not one.deleting]
        told = "the time to finish calls is over"
        return Plan(delete=_refs(left), reason="Removing", message=told, done=not view.children)
    there = [one for one in gateways(view) if not one.deleting]
    pods = [one for one in view.pods.values() if one.component == "gateway"]
    draining = tuple(sorted({one.revision for one in pods}))
    if there:
        first = [*there, *(one for one in view.children.values() if one.kind in SCALERS)]
        return Plan(delete=_refs(first), draining=draining, reason="Draining", message="new calls are refused")
    if pods or gateways(view):
        return Plan(draining=draining, reason="Draining", message=f"gateways that finish their calls: {len(pods)}")
    rest = [one for one in view.children.values() if not one.deleting]
    return Plan(delete=_refs(rest), reason="Removing", message="the rest is being deleted", done=view.empty())


def _refs(children: Iterable[Child]) -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, one.name) for one in children)


def unchanged(view: AgentView, manifest: Manifest) -> bool:
    """Say whether an object is there as this marked manifest has it."""
    known = view.children.get((manifest["kind"], manifest["metadata"]["name"]))
    return (
        known is not None
        and known.intact
        and not known.deleting
        and known.applied == manifest["metadata"]["annotations"][names.APPLIED]
    )


def _only_scaled(view: AgentView, manifest: Manifest) -> bool:
    """Say whether its autoscaler may have changed it, as it should: the apply that follows is no news to anybody."""
    known = view.children.get((manifest["kind"], manifest["metadata"]["name"]))
    if known is None or known.deleting or manifest["kind"] != "Deployment" or "replicas" in manifest["spec"]:
        return False
    return bool(known.applied == manifest["metadata"]["annotations"][names.APPLIED])


def _address(target: Target, view: AgentView) -> str:
    """Return what a trunk is pointed at, where a cloud has given it."""
    service = view.children.get(gateway.address(target))
    if service is None or target.spec.network.service_type != "LoadBalancer":
        return ""
    return ", ".join(f"[{one}]:{SIP}" if ":" in one else f"{one}:{SIP}" for one in service.at[:MOST_ADDRESSES])


def _judge(target: Target, view: AgentView, address: str, *, full: bool, ready: bool) -> tuple[str, str]:
    """Say in a reason and a sentence how things stand, the most useful thing first."""
    if full:
        told = f"{MAX_EARLIER} earlier revisions still have calls; this one starts when one has ended"
        return "RolloutWaits", told
    troubled = sorted(f"pod {one.name}: {one.problem}" for one in view.pods.values() if one.problem and not one.ending)
    if ready:
        at = f"Service {target.namespace}/{gateway.address(target)[1]}"
        if target.spec.network.service_type == "LoadBalancer":
            at = f"{address} ({at})" if address else f"{at}, to which no load balancer has given an address yet"
        told = f"new calls are answered by revision {target.revision.name}, at {at}"
        if target.asks != target.spec.planner.engine:
            told += f", with planners of {target.asks} until those of {target.spec.planner.engine} are up"
        return ("Serving", told) if not troubled else ("ServingInTrouble", f"{told}; {troubled[0]}"[:500])
    if troubled:
        return "PodsInTrouble", troubled[0][:500]
    stuck = sorted(f"{key[0]} {key[1]}: {one.problem}" for key, one in view.rollouts.items() if one.problem)
    if stuck:
        return "RolloutStuck", stuck[0][:500]
    missing = [part for part in INNER_WORKLOADS if not up(view, "", part)]
    if not up(view, "Deployment", "gateway", target.revision.name):
        missing.append("gateway")
    elif (there := available(view, target.revision.name)) < target.needed:
        missing.append(f"gateways ({there} of {target.needed} are up)")
    return STARTING, f"waiting for {', '.join(missing) or 'the last changes'}"
