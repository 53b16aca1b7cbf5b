"""What the operator remembers of objects in a region: a few words each, so that a hundred thousand fit in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from voiceplane_operator import names
from voiceplane_operator.api.kinds import KINDS

Object = dict[str, Any]
WORKLOADS = ("Deployment", "RayService")  # kinds that tell how far they are
GRACE_MARGIN_S = 60.0  # a kubelet that lives has killed a pod by then
CRASHES = "CrashLoopBackOff"
AGAIN = 2  # restarts after which a container that is not ready is in trouble
SIGNALLED = 128  # an exit status from here on: ended by a signal, so its last words are not about the end
WORDS = 300  # of its last line
WAITING_TROUBLES = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        CRASHES,
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "InvalidImageName",
    }
)


@dataclass(frozen=True, slots=True)
class Child:
    """An object that the operator applied."""

    kind: str
    name: str
    component: str
    revision: str
    applied: str  # hash of the manifest that it was applied from
    marker: str  # changes when somebody changes the object
    intact: bool  # as far as known, nobody has changed it since
    deleting: bool
    block: str = ""
    asks: str = ""  # of a Deployment of gateways: the engine of planners
    at: tuple[str, ...] = ()  # of a Service: the addresses of its load balancer
    version: int = field(default=0, compare=False)  # of the object, to tell what is newer; no news by itself


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a Deployment or RayService is."""

    current: bool  # its controller has seen and fulfilled the newest manifest
    wanted: int
    available: int
    problem: str = ""
    up_since: float = 0.0  # of a Deployment: since when it is available, in seconds since 1970


@dataclass(frozen=True, slots=True)
class Scaler:
    """What an autoscaler tells of itself."""

    reason: str = ""  # of its trouble; empty while there is none
    words: str = ""  # its own
    since: float = 0.0  # of its trouble, in seconds since 1970
    worked: bool = False  # before that, as far as known


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of an agent."""

    name: str
    component: str
    revision: str
    ready: bool
    ending: bool
    problem: str = ""  # in words; empty while nothing is wrong
    block: str = ""  # the ports of its node that it has until it is gone, also when its Deployment is
    asks: str = ""  # of a gateway: the engine of planners
    ends: float = 0.0  # of a pod that is told to end: when its grace is over, in seconds since 1970


@dataclass(slots=True)
class AgentView:
    """Everything of one agent in one region."""

    children: dict[tuple[str, str], Child] = field(default_factory=dict)
    rollouts: dict[tuple[str, str], Rollout] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    scalers: dict[tuple[str, str], Scaler] = field(default_factory=dict)

    def empty(self) -> bool:
        """Say whether nothing is left."""
        return not self.children and not self.pods


def holding(view: AgentView, now: float) -> AgentView:
    """Return the view without pods whose grace has long been over: no call goes on there, their node is dead."""
    late = {name for name, one in view.pods.items() if one.ends and now > one.ends + GRACE_MARGIN_S}
    if not late:
        return view
    return replace(view, pods={name: one for name, one in view.pods.items() if name not in late})


def child(raw: Object, kind: str, *, before: Child | None) -> Child:
    """Read an object's metadata; `before` is what was known of it."""
    meta = raw["metadata"]
    label, notes = meta.get("labels") or {}, meta.get("annotations") or {}
    applied = notes.get(names.APPLIED, "")
    marker = str(meta.get("generation", 0)) if KINDS[kind].counted else meta["resourceVersion"]
    if before is not None and before.applied == applied:
        intact = before.intact and before.marker == marker
    else:  # first seen: after a restart of the operator
        intact = untouched(meta)
    return Child(
        kind,
        meta["name"],
        label.get(names.COMPONENT, ""),
        label.get(names.REVISION, ""),
        applied,
        marker,
        intact,
        "deletionTimestamp" in meta,
        notes.get(names.BLOCK, ""),
        notes.get(names.PLANNER, ""),
        _balanced(raw) if kind == "Service" else (),
        version(meta),
    )


def _balanced(raw: Object) -> tuple[str, ...]:
    """Return the addresses that a cloud gave a Service's load balancer; a name where there is no number."""
    given = ((raw.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return tuple(one.get("ip") or one.get("hostname") or "" for one in given if one.get("ip") or one.get("hostname"))


def of_another(meta: Object) -> bool:
    """Say whether a controller made the object for one of ours: KEDA and others copy our labels to what they make."""
    return any(owner.get("controller") for owner in meta.get("ownerReferences") or ())


def version(meta: Object) -> int:
    """Return an object's resourceVersion as a number: of two of one object, the higher one is the newer."""
    text = str(meta.get("resourceVersion", ""))
    return int(text) if text.isdecimal() else 0


def untouched(meta: Object) -> bool:
    """Say whether nobody else has written the object's content after our last apply."""
    ours, others = "", ""
    for entry in meta.get("managedFields") or ():
        if entry.get("subresource"):
            continue
        if entry.get("manager") == names.MANAGER and entry.get("operation") == "Apply":
            ours = entry.get("time", "")
        else:
            others = max(others, entry.get("time", ""))
    return bool(ours) and others < ours


def rollout(raw: Object, kind: str) -> Rollout:
    """Read how far a workload is."""
    meta, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    seen = int(status.get("observedGeneration", 0)) >= int(meta.get("generation", 1))
    if kind == "RayService":
        return _ray(status, seen=seen)
    wanted = int(spec.get("replicas", 1))
    updated, available = int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0))
    total = int(status.get("replicas", 0))
    current = seen and updated >= wanted and available >= wanted and total <= updated
    return Rollout(current, wanted, available, _deployment_problem(status), _up_since(status))


def _up_since(status: Object) -> float:
    for one in status.get("conditions") or ():
        if one["type"] == "Available" and one["status"] == "True":
            return seconds(one.get("lastTransitionTime") or "")
    return 0.0


def begun(before: Rollout | None, replicas: int | None) -> Rollout:
    """Return a workload as it is when a new manifest was applied, which its controller has not seen."""
    if before is None:
        return Rollout(False, 1 if replicas is None else replicas, 0)
    return replace(before, current=False, wanted=before.wanted if replicas is None else replicas)


def _deployment_problem(status: Object) -> str:
    for condition in status.get("conditions") or ():
        failed = condition["type"] == "ReplicaFailure" and condition["status"] == "True"
        stuck = condition["type"] == "Progressing" and condition["status"] == "False"
        if failed or stuck:
            return str(condition.get("message", condition.get("reason", "")))
    return ""


def _ray(status: Object, *, seen: bool) -> Rollout:
    active = status.get("activeServiceStatus") or {}
    applications = active.get("applicationStatuses") or {}
    running = [one for one in applications.values() if one.get("status") == "RUNNING"]
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    good = bool(applications) and len(running) == len(applications)
    wrong = [str(one.get("message", "")) for one in applications.values() if one.get("status") == "DEPLOY_FAILED"]
    pending = bool((status.get("pendingServiceStatus") or {}).get("rayClusterName"))
    return Rollout(seen and good and ready and not pending, 1, 1 if ready else 0, wrong[0] if wrong else "")


def pod(raw: Object) -> Pod:
    """Read a pod's state and, where something is wrong, what."""
    meta, status = raw["metadata"], raw.get("status") or {}
    label, notes = meta.get("labels") or {}, meta.get("annotations") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    ready = conditions.get("Ready", {}).get("status") == "True"
    return Pod(
        meta["name"],
        label.get(names.COMPONENT, ""),
        label.get(names.REVISION, ""),
        ready,
        "deletionTimestamp" in meta,
        _pod_problem(status, conditions),
        block=notes.get(names.BLOCK, ""),
        asks=notes.get(names.PLANNER, ""),
        ends=seconds(meta.get("deletionTimestamp") or ""),
    )


def seconds(time: str) -> float:
    """Return a time that Kubernetes writes in seconds since 1970; 0 for none."""
    return datetime.fromisoformat(time).timestamp() if time else 0.0


def _pod_problem(status: Object, conditions: dict[str, Object]) -> str:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}"
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (one.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        ended = _ended(one)
        if ended and (reason == CRASHES or ("running" in (one.get("state") or {}) and not one.get("ready"))):
            return f"{CRASHES}: {ended}"  # also while it runs once more: else this would come and go with each try
        if reason in WAITING_TROUBLES:
            return f"{reason}: {waiting.get('message', '')}"
    return ""


def _ended(container: Object) -> str:
    """Say how a container that fails again and again ended: the kubelet's own words name only the pause."""
    last, restarts = (container.get("lastState") or {}).get("terminated") or {}, int(container.get("restartCount", 0))
    code = int(last.get("exitCode", 0))
    if not code or restarts < AGAIN:
        return ""
    why = f"{last['reason']} ({code})" if last.get("reason", "Error") != "Error" else f"status {code}"
    lines = str(last.get("message", "")).split("\n") if code < SIGNALLED else []
    words = next((line.strip() for line in reversed(lines) if line.strip()), "")
    told = f"container {container['name']} ended {restarts} times, at last with {why}"
    return f"{told}: {words[:WORDS]}" if words else told
