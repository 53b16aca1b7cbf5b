"""Decide what to apply and what to delete for one agent in one region. Pure: facts in, a Plan out.

Order is safety. What all revisions share knows a new revision before its gateways take a call; new calls move when the
new gateways are up; the old Deployment is deleted then, and each of its pods, told to end, finishes its calls first
(its grace period is the region's drain timeout). What those calls need stays until the last pod is gone.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import orjson

from voiceplane_operator import names
from voiceplane_operator.decide import engines
from voiceplane_operator.decide.autoscalers import SCALERS
from voiceplane_operator.decide.facts import AgentView, Child, Rollout
from voiceplane_operator.decide.status import STARTING
from voiceplane_operator.manifests import Manifest, bundle, gateway, render_gateway, render_inner
from voiceplane_operator.manifests.target import PortBlock, Target

INNER_WORKLOADS = ("speech", "planner", "tools")
MAX_EARLIER = 4  # one that serves and three whose calls go on; gateways of a fifth revision wait


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and what is seen."""

    hand_over: tuple[Manifest, ...] = ()  # before the rest, as names.HANDOVER
    apply: tuple[Manifest, ...] = ()
    delete: tuple[tuple[str, str], ...] = ()  # (kind, name)
    serving: str = ""
    draining: tuple[str, ...] = ()
    ready: bool = False
    reason: str = ""
    message: str = ""
    done: bool = False  # nothing more to do until something changes


def digest(manifest: Manifest) -> str:
    """Return the hash that tells whether an object was applied from this manifest."""
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def marked(manifest: Manifest) -> Manifest:
    """Return the manifest with its own hash as an annotation."""
    meta = manifest["metadata"]
    notes = {**meta.get("annotations", {}), names.APPLIED: digest(manifest)}
    return {**manifest, "metadata": {**meta, "annotations": notes}}


def live_revisions(view: AgentView, current: str) -> tuple[str, ...]:
    """Return older revisions that may still have calls: with a Deployment of gateways, or with a pod of one."""
    deployments = (one.revision for one in _gateways(view))
    pods = (one.revision for one in view.pods.values() if one.component == "gateway")
    return tuple(sorted({*deployments, *pods} - {current, ""}))


def parse_block(text: str) -> PortBlock | None:
    """Read a block of ports from a Deployment's annotation."""
    first, _, size = text.partition("+")
    return PortBlock(int(first), int(size)) if first.isdecimal() and size.isdecimal() else None


def serving(view: AgentView, current: str) -> str:
    """Return the revision that new calls go to: the current one once all of it is up, before that the one until now."""
    return _serving(view, current, floor(view, current))


def _serving(view: AgentView, current: str, least: int) -> str:
    up = _up(view, "Deployment", "gateway", current) and all(_up(view, "", part) for part in INNER_WORKLOADS)
    if up and (not _scaled(view, current) or _available(view, current) >= least):
        return current
    if _pointed(view) == current and _available(view, current):
        return current  # calls came to it already: a part that is being replaced sends them nowhere else
    before = [one.revision for one in _gateways(view) if one.revision != current and not one.deleting]
    able = [revision for revision in before if _available(view, revision)]
    if able:
        return max(able, key=lambda revision: _available(view, revision))
    return current if _available(view, current) and all(_some(view, part) for part in INNER_WORKLOADS) else ""


def _scaled(view: AgentView, revision: str) -> bool:
    """Say whether an autoscaler has the gateways of a revision."""
    return any(one.kind in SCALERS and one.revision == revision for one in view.children.values())


def _pointed(view: AgentView) -> str:
    """Return the revision that the SIP Service leads to."""
    return next((one.revision for one in view.children.values() if one.kind == "Service" and one.revision), "")


def _passed_over(view: AgentView, older: Iterable[str], takes: str) -> set[str]:
    """Return the older revisions that no new call goes to: edited again before they were up, they would wait for ever.

    Their pods finish the calls that they may have.
    """
    return set(older) - {takes, _pointed(view)}


def floor(view: AgentView, current: str) -> int:
    """Return how many gateways a scaled revision needs before it takes the calls of those that serve until now."""
    before = {one.revision for one in _gateways(view) if one.revision != current and not one.deleting}
    return max([1, *(_available(view, revision) for revision in before)])


def converge(target: Target, view: AgentView) -> Plan:
    """Plan a step towards the target; `target.others` are the bundles of live_revisions."""
    current = target.revision.name
    older = live_revisions(view, current)
    least = floor(view, current)
    takes = _serving(view, current, least)
    full = len(older) >= MAX_EARLIER and not any(one.revision == current for one in _gateways(view))
    engine = target.spec.planner.engine
    asks = engines.asked(view, current, engine)
    leaving = engines.leaving(view, engine, asks)
    addressed = target.spec.network.service_type == "LoadBalancer" or gateway.address(target) in view.children
    target = replace(target, serving=takes, floor=least, planner=asks, leaving=leaving, addressed=addressed)
    bundles = (one for older_one in target.others for one in bundle.manifests(replace(target, revision=older_one)))
    wanted = [*bundles, *render_inner(target), *render_gateway(target, begin=not full)]
    apply = tuple(manifest for manifest in map(marked, wanted) if not unchanged(view, manifest))
    keep = {(one["kind"], one["metadata"]["name"]) for one in wanted}
    keep |= {("ConfigMap", names.bundle_name(target.prefix, revision)) for revision in older}
    if older or (target.revision.credential and not target.credential):  # a planner with it still runs
        keep |= {(one.kind, one.name) for one in view.children.values() if one.kind == "Secret"}
    pending = [one for one in apply if not _only_scaled(view, one)]
    if takes != current or pending:  # an old gateway goes only when nothing stands between a call and the new one
        behind = set(older) - (_passed_over(view, older, takes) if full else set())
        keep |= {(one.kind, one.name) for one in view.children.values() if one.revision in behind}
    delete = tuple(
        (one.kind, one.name) for one in view.children.values() if not one.deleting and (one.kind, one.name) not in keep
    )
    ready = takes == current and not pending
    reason, message = _judge(target, view, full=full, ready=ready)
    done = ready and not apply and not delete and not older
    return Plan(_hand_over(view, apply), apply, delete, takes, older, ready, reason, message, done=done)


def _hand_over(view: AgentView, apply: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return what keeps the replicas of Deployments that get an autoscaler now: what nobody owns falls back to one."""
    found = []
    for one in apply:
        meta, known = one["metadata"], view.rollouts.get((one["kind"], one["metadata"]["name"]))
        if one["kind"] != "Deployment" or "replicas" in one["spec"] or known is None:
            continue
        if not _scaled(view, meta["labels"].get(names.REVISION, "")):
            named = {"name": meta["name"], "namespace": meta["namespace"]}
            kept = {"apiVersion": one["apiVersion"], "kind": one["kind"], "metadata": named}
            found.append({**kept, "spec": {"replicas": known.wanted}})
    return tuple(found)


def remove(view: AgentView, *, late: bool = False) -> Plan:
    """Plan the removal of an agent from a region: gateways first, the rest when their last call has ended.

    `late`: the time that calls have to end is over, and nothing is waited for any more.
    """
    if late:
        left = [one for one in view.children.values() if not one.deleting]
        told = "the time to finish calls is over"
        return Plan(delete=_refs(left), reason="Removing", message=told, done=not view.children)
    gateways = [one for one in _gateways(view) if not one.deleting]
    pods = [one for one in view.pods.values() if one.component == "gateway"]
    draining = tuple(sorted({one.revision for one in pods}))
    if gateways:
        first = [*gateways, *(one for one in view.children.values() if one.kind in SCALERS)]
        return Plan(delete=_refs(first), draining=draining, reason="Draining", message="new calls are refused")
    if pods or _gateways(view):
        return Plan(draining=draining, reason="Draining", message=f"{len(pods)} gateways finish their calls")
    rest = [one for one in view.children.values() if not one.deleting]
    return Plan(delete=_refs(rest), reason="Removing", message="", done=view.empty())


def _refs(children: Iterable[Child]) -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, one.name) for one in children)


def _gateways(view: AgentView) -> list[Child]:
    return [one for one in view.children.values() if one.kind == "Deployment" and one.component == "gateway"]


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


def _workloads(view: AgentView, component: str, revision: str = "") -> list[tuple[Child, Rollout]]:
    return [
        (child, view.rollouts[key])
        for key, child in view.children.items()
        if key in view.rollouts and child.component == component and (not revision or child.revision == revision)
    ]


def _up(view: AgentView, kind: str, component: str, revision: str = "") -> bool:
    found = [rollout for child, rollout in _workloads(view, component, revision) if not kind or child.kind == kind]
    return bool(found) and all(rollout.current for rollout in found)


def _available(view: AgentView, revision: str) -> int:
    return sum(rollout.available for _, rollout in _workloads(view, "gateway", revision))


def _some(view: AgentView, component: str) -> bool:
    return any(rollout.available for _, rollout in _workloads(view, component))


def _judge(target: Target, view: AgentView, *, full: bool, ready: bool) -> tuple[str, str]:
    """Say in a reason and a sentence how things stand, the most useful thing first."""
    if full:
        told = f"{MAX_EARLIER} earlier revisions still have calls; this one starts when one has ended"
        return "RolloutWaits", told
    troubled = sorted(f"pod {one.name}: {one.problem}" for one in view.pods.values() if one.problem and not one.ending)
    if ready:
        at = f"Service {target.namespace}/{gateway.address(target)[1]}"
        told = f"new calls are answered by revision {target.revision.name}, at {at}"
        if target.asks != target.spec.planner.engine:
            told += f", with planners of {target.asks} until those of {target.spec.planner.engine} are up"
        return ("Serving", told) if not troubled else ("ServingInTrouble", f"{told}; {troubled[0]}"[:500])
    if troubled:
        return "PodsInTrouble", troubled[0][:500]
    stuck = sorted(f"{key[0]} {key[1]}: {one.problem}" for key, one in view.rollouts.items() if one.problem)
    if stuck:
        return "RolloutStuck", stuck[0][:500]
    missing = [part for part in INNER_WORKLOADS if not _up(view, "", part)]
    if not _up(view, "Deployment", "gateway", target.revision.name):
        missing.append("gateway")
    elif _scaled(view, target.revision.name) and (there := _available(view, target.revision.name)) < target.floor:
        missing.append(f"gateways ({there} of {target.floor} are up; its autoscaler starts the others)")
    return STARTING, f"waiting for {', '.join(missing) or 'the last changes'}"
