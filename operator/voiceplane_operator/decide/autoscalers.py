"""Say how the autoscaler of the gateways that take calls stands: its own words in, a condition out. Pure.

An autoscaler in trouble leaves the gateways as many as they are, so calls are answered: a trouble to be told, and no
reason to be not ready. A new one has no metric until Prometheus has found its gateways, and each loses it while
Prometheus is replaced; so a trouble is told when it has lasted.
"""

from typing import Any

from voiceplane_operator.decide.facts import AgentView, Scaler, seconds
from voiceplane_operator.decide.status import FALSE, TRUE, UNKNOWN, Scaling
from voiceplane_operator.manifests.gateway import METRIC

Object = dict[str, Any]
HORIZONTAL, KEDA = "HorizontalPodAutoscaler", "ScaledObject"
SCALERS = (HORIZONTAL, KEDA)
LASTED_S = 120.0  # an adapter lists its metrics once a minute, Prometheus looks for pods and asks them twice a minute
NO_METRIC, STUCK, PAUSED, IGNORED = "MetricMissing", "AutoscalerStuck", "AutoscalerPaused", "AutoscalerIgnored"
ADVICE = {
    (HORIZONTAL, NO_METRIC): f"it has no metric: let an adapter offer {METRIC} as an external one (docs/kubernetes.md)",
    (KEDA, NO_METRIC): "it has no metric: the Prometheus of the VoiceRegion's autoscaling.prometheus must answer and"
    " ask the gateways (podMonitor.enabled of chart voiceplane-region)",
    (HORIZONTAL, STUCK): "it cannot scale: see kubectl describe hpa",
    (KEDA, STUCK): "it cannot scale: see kubectl describe scaledobject",
    (KEDA, PAUSED): "it is paused: take its annotations autoscaling.keda.sh/paused away",
    (HORIZONTAL, IGNORED): "nobody has looked at it: is Kubernetes' controller manager there?",
    (KEDA, IGNORED): "nobody has looked at it: does KEDA's operator run?",
}


def read(raw: Object, kind: str, *, before: Scaler | None, now: float) -> Scaler:
    """Read what an autoscaler tells of itself; `before` is what was known of it, and tells since when it is so.

    A ScaledObject's conditions have no times: one that is first seen in trouble is in trouble since it was made.
    """
    told = {one["type"]: one for one in (raw.get("status") or {}).get("conditions") or ()}
    reason, condition = (_keda if kind == KEDA else _horizontal)(told)
    if not reason:
        return Scaler(worked=True)
    since = seconds(condition.get("lastTransitionTime") or "")
    if not since and before is not None:
        since = before.since if before.reason else now
    words = str(condition.get("message") or condition.get("reason") or "")
    worked = before is not None and before.worked
    return Scaler(reason, words, since or seconds(raw["metadata"].get("creationTimestamp") or ""), worked)


def judge(view: AgentView, serving: str, now: float) -> Scaling | None:
    """Judge the autoscaler of the revision that takes calls; None when it has none."""
    found = sorted(
        (key, scaler)
        for key, scaler in view.scalers.items()
        if (child := view.children.get(key)) is not None and child.revision == serving and not child.deleting
    )
    if not found:
        return None
    troubled = [(key, scaler) for key, scaler in found if scaler.reason]
    if not troubled:
        return Scaling(TRUE, "FollowsCalls", "gateways follow the calls")
    (kind, name), scaler = troubled[0]
    rollout = view.rollouts.get(("Deployment", name))
    begun = max(scaler.since, rollout.up_since if rollout is not None else 0.0)
    left_s = begun + LASTED_S - now
    if left_s > 0.0 and scaler.reason != PAUSED:  # that somebody wants
        if scaler.worked:
            return Scaling(TRUE, "FollowsCalls", "gateways follow the calls", left_s)
        return Scaling(UNKNOWN, "Settling", f"{kind} {name} is new and has no metric yet", left_s)
    words = f". It says: {scaler.words}" if scaler.words else ""
    return Scaling(FALSE, scaler.reason, f"{kind} {name}: {ADVICE[kind, scaler.reason]}{words}"[:700])


def told(reason: str, message: str, scaling: Scaling | None) -> tuple[str, str]:
    """Return how a region stands, with the trouble of its autoscaler where nothing worse is told."""
    if scaling is None or scaling.status != FALSE or reason != "Serving":
        return reason, message
    return "ServingUnscaled", f"{message}, by as many gateways as there are; {scaling.message}"


def _horizontal(told: dict[str, Object]) -> tuple[str, Object]:
    able, active = told.get("AbleToScale"), told.get("ScalingActive")
    if active is not None and active["status"] == FALSE:
        return _of_metric(str(active.get("reason", ""))), active
    if able is not None and able["status"] == FALSE:
        return STUCK, able
    return (IGNORED, {}) if active is None else ("", {})


def _keda(told: dict[str, Object]) -> tuple[str, Object]:
    ready, active = told.get("Ready", {}), told.get("HPAActive", {})
    for kind, reason in (("Paused", PAUSED), ("Fallback", NO_METRIC)):
        if told.get(kind, {}).get("status") == TRUE:
            return reason, told[kind]
    if ready.get("status") == TRUE:
        unwell = active.get("status") == FALSE
        return (_of_metric(str(active.get("reason", ""))), active) if unwell else ("", {})
    if not ready.get("reason"):
        return IGNORED, {}
    return (NO_METRIC if "Trigger" in ready["reason"] else STUCK), ready


def _of_metric(reason: str) -> str:
    return NO_METRIC if "Metric" in reason else STUCK
