"""Say what stands between an agent and a kind that not every region has: the kind itself, or the right to it. Pure."""

from voiceplane_operator.api.kinds import KINDS

_NAMES = {"RayService": "KubeRay", "ScaledObject": "KEDA"}
_REASONS = {"RayService": "KubeRay", "ScaledObject": "Keda"}
_VALUES = {"RayService": "kuberay", "ScaledObject": "keda"}  # of chart voiceplane-region: the rule in the hub's role
_OTHERWISE = {"RayService": "spec.planner.engine: ray", "ScaledObject": "autoscaling.engine: hpa"}
OPTIONAL = frozenset(_NAMES)
WRITE = ("get", "list", "watch", "create", "update", "patch", "delete")


def told(kind: str, namespace: str, *, denied: bool) -> tuple[str, str]:
    """Return the reason and the message; `denied`: the kind is there, and is not ours to use."""
    api, otherwise = KINDS[kind], f"or set {_OTHERWISE[kind]}"
    if not denied:
        there = f"this cluster has no {kind} ({api.group_version})"
        return f"{_REASONS[kind]}Missing", f"{there}: install {_NAMES[kind]}, {otherwise}"
    return f"{_REASONS[kind]}Denied", (
        f"the operator may not list {api.plural} ({api.group_version}) in namespace {namespace}, and makes none: set"
        f" {_VALUES[kind]}=true in chart voiceplane-region there, {otherwise}. The rule that Role voiceplane-hub lacks:"
        f" {api.rule_to(*WRITE)}"
    )
