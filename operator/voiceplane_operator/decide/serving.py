"""Decide which revision takes new calls: they move only to as many gateways as carry them. Pure; read by plan.

Gateways that are up count, never what was applied for them: an autoscaler may be missing, refused or slow, and the
Deployment that one is to have begins with a single pod.
"""

from dataclasses import replace

from voiceplane_operator.decide.facts import AgentView, Child, Rollout
from voiceplane_operator.manifests.target import Target

INNER_WORKLOADS = ("speech", "planner", "tools")


def live_revisions(view: AgentView, current: str) -> tuple[str, ...]:
    """Return older revisions that may still have calls: with a Deployment of gateways, or with a pod of one."""
    deployments = (one.revision for one in gateways(view))
    pods = (one.revision for one in view.pods.values() if one.component == "gateway")
    return tuple(sorted({*deployments, *pods} - {current, ""}))


def counted(target: Target, view: AgentView) -> Target:
    """Return it with the number of gateways that took the calls until now, which it needs as well."""
    return replace(target, floor=max([1, *(_carry(view, one) for one in earlier(view, target.revision.name))]))


def answering(target: Target, view: AgentView) -> str:
    """Return the revision that new calls go to: the newest once all of it is up, before that the one until now."""
    current, needed = target.revision.name, counted(target, view).needed
    there = available(view, current)
    whole = up(view, "Deployment", "gateway", current) and all(up(view, "", part) for part in INNER_WORKLOADS)
    if whole and there >= needed:
        return current
    before = {revision: available(view, revision) for revision in earlier(view, current)}
    most = max(before, key=lambda revision: before[revision], default="")
    others = before.get(most, 0)
    if pointed(view) == current and there >= max(1, min(needed, others)):
        return current  # calls came to it already: a part that is being replaced sends them nowhere else
    if others:
        return most
    some = all(any(rollout.available for _, rollout in _workloads(view, part)) for part in INNER_WORKLOADS)
    return current if there and some else ""


def earlier(view: AgentView, current: str) -> tuple[str, ...]:
    """Return the older revisions whose gateways may take calls."""
    return tuple(sorted({one.revision for one in gateways(view) if one.revision != current and not one.deleting}))


def pointed(view: AgentView) -> str:
    """Return the revision that the SIP Service leads to."""
    return next((one.revision for one in view.children.values() if one.kind == "Service" and one.revision), "")


def gateways(view: AgentView) -> list[Child]:
    """Return the Deployments of gateways."""
    return [one for one in view.children.values() if one.kind == "Deployment" and one.component == "gateway"]


def available(view: AgentView, revision: str) -> int:
    """Return how many gateways of a revision are up."""
    return sum(rollout.available for _, rollout in _workloads(view, "gateway", revision))


def up(view: AgentView, kind: str, component: str, revision: str = "") -> bool:
    """Say whether a part is there and all of it is up."""
    found = [rollout for child, rollout in _workloads(view, component, revision) if not kind or child.kind == kind]
    return bool(found) and all(rollout.current for rollout in found)


def _carry(view: AgentView, revision: str) -> int:
    """Return how many gateways a revision has for its calls: no fewer while speech is away from all of them."""
    mine = [one for one in view.pods.values() if one.component == "gateway" and one.revision == revision]
    well = sum(1 for one in mine if not one.ending and not one.problem)
    wanted = sum(rollout.wanted for _, rollout in _workloads(view, "gateway", revision))
    return max(available(view, revision), min(well, wanted))


def _workloads(view: AgentView, component: str, revision: str = "") -> list[tuple[Child, Rollout]]:
    return [
        (child, view.rollouts[key])
        for key, child in view.children.items()
        if key in view.rollouts and child.component == component and (not revision or child.revision == revision)
    ]
