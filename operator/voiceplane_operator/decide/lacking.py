"""Say what stands between an agent and a kind that not every region has: the kind itself, or the right to it. Pure."""

from dataclasses import dataclass

from voiceplane_operator.api.kinds import KINDS


@dataclass(frozen=True, slots=True)
class _Optional:
    """Where a kind comes from, and what does without it."""

    name: str
    reason: str  # begins with it
    value: str  # of chart voiceplane-region: the rule in the hub's role
    otherwise: str


_OPTIONAL = {
    "RayService": _Optional("KubeRay", "KubeRay", "kuberay", "spec.planner.engine: ray"),
    "ScaledObject": _Optional("KEDA", "Keda", "keda", "autoscaling.engine: hpa"),
}
OPTIONAL = frozenset(_OPTIONAL)
WRITE = ("get", "list", "watch", "create", "update", "patch", "delete")


def told(kind: str, namespace: str, *, denied: bool) -> tuple[str, str]:
    """Return the reason and the message; `denied`: the kind is there, and is not ours to use."""
    api, lacks = KINDS[kind], _OPTIONAL[kind]
    otherwise = f"or set {lacks.otherwise}"
    if not denied:
        there = f"this cluster has no {kind} ({api.group_version})"
        return f"{lacks.reason}Missing", f"{there}: install {lacks.name}, {otherwise}"
    return f"{lacks.reason}Denied", (
        f"the operator may not list {api.plural} ({api.group_version}) in namespace {namespace}, and makes none: set"
        f" {lacks.value}=true in chart voiceplane-region there, {otherwise}. The rule that Role voiceplane-hub lacks:"
        f" {api.rule_to(*WRITE)}"
    )
