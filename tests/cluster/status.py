"""The status of a pod as its node reports it: pure, from the containers' states."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.api import Object
from tests.cluster.container import Bind
from tests.cluster.inputs import PodFacts
from tests.cluster.runner import Runner, timestamp

OURS = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a node knows of a pod."""

    inits: Sequence[Runner]
    containers: Sequence[Runner]
    address: str
    node_address: str
    started: str
    reason: str
    written: Object  # the status as written last: the API server may tell of it late


def pod_status(manifest: Object, seen: Seen) -> Object:
    """Write the status: phase, conditions, addresses, containers."""
    status: Object = {
        "phase": phase(manifest, seen),
        "conditions": conditions(manifest, seen),
        "hostIP": seen.node_address,
        "hostIPs": [{"ip": seen.node_address}],
        "startTime": seen.started,
        "containerStatuses": _containers(seen.containers, manifest["spec"]["containers"]),
    }
    if seen.inits:
        status["initContainerStatuses"] = _containers(seen.inits, manifest["spec"]["initContainers"])
    if seen.address:
        status |= {"podIP": seen.address, "podIPs": [{"ip": seen.address}]}
    return status


def _containers(runners: Sequence[Runner], manifests: Sequence[Object]) -> list[Object]:
    """Write a status for each container, also before it was made."""
    known = {runner.name: runner for runner in runners}
    result = []
    for manifest in manifests:
        runner = known.get(manifest["name"])
        status: Object = {"name": manifest["name"], "image": manifest["image"], "imageID": f"{manifest['image']}"}
        if runner is None:
            result.append(status | {"ready": False, "restartCount": 0, "state": {"waiting": {"reason": "Pending"}}})
            continue
        ended_well = runner.state.get("terminated", {}).get("exitCode") == 0
        status |= {
            "ready": runner.ready or (ended_well and not runner.is_sidecar),
            "started": runner.has_started.is_set() and "running" in runner.state,
            "restartCount": runner.restarts,
            "state": runner.state,
            "lastState": runner.last_state,
            "containerID": runner.identity,
        }
        result.append(status)
    return result


def phase(manifest: Object, seen: Seen) -> str:
    """Judge the phase: Pending, Running, Succeeded, Failed."""
    if any(each.failed_for_good for each in seen.inits):
        return "Failed"
    states = [each.state for each in seen.containers]
    if not states or any(
        "waiting" in state and not each.last_state for state, each in zip(states, seen.containers, strict=True)
    ):
        return "Pending"
    restarts = manifest["spec"].get("restartPolicy", "Always") == "Always"
    if not restarts and all("terminated" in state for state in states):
        return "Failed" if any(each.failed_for_good for each in seen.containers) else "Succeeded"
    return "Running"


def conditions(manifest: Object, seen: Seen) -> list[Object]:
    """Write our conditions beside those of others, keeping the time of each one's last change."""
    before = {each["type"]: each for each in manifest.get("status", {}).get("conditions") or []}
    before |= {each["type"]: each for each in seen.written.get("conditions") or [] if each["type"] in OURS}
    initialized = all(
        each.has_started.is_set() if each.is_sidecar else each.state.get("terminated", {}).get("exitCode") == 0
        for each in seen.inits
    )
    initialized = initialized and bool(seen.containers)
    completed = phase(manifest, seen) == "Succeeded"
    all_ready = bool(seen.containers) and all(each.ready for each in seen.containers) and not completed
    gates = [gate["conditionType"] for gate in manifest["spec"].get("readinessGates") or []]
    open_gates = all(before.get(gate, {}).get("status") == "True" for gate in gates)
    unready = [each.name for each in seen.containers if not each.ready]
    why = "PodCompleted" if completed else "ContainersNotReady"
    message = seen.reason or f"containers with unready status: [{' '.join(unready)}]"
    ours = [
        _condition("PodReadyToStartContainers", bool(seen.address), "", ""),
        _condition("Initialized", initialized, "ContainersNotInitialized", seen.reason),
        _condition("ContainersReady", all_ready, why, message),
        _condition("Ready", all_ready and open_gates, why if not all_ready else "ReadinessGatesNotReady", message),
    ]
    return [each for name, each in before.items() if name not in OURS] + [_kept(each, before) for each in ours]


def _condition(kind: str, value: bool, reason: str, message: str) -> Object:
    if value:
        return {"type": kind, "status": "True"}
    return {"type": kind, "status": "False", "reason": reason, "message": message}


def _kept(condition: Object, before: dict[str, Object]) -> Object:
    earlier = before.get(condition["type"], {})
    if earlier.get("status") == condition["status"] and earlier.get("lastTransitionTime"):
        return condition | {"lastTransitionTime": earlier["lastTransitionTime"]}
    return condition | {"lastTransitionTime": timestamp()}


def pod_files(facts: PodFacts, folder: Path, resolver: str) -> tuple[Bind, ...]:
    """Write the pod's resolv.conf, hosts and hostname; return where they go."""
    spec, namespace = facts.pod["spec"], facts.namespace
    hostname = spec.get("hostname") or facts.pod["metadata"]["name"][:63]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    on_host = bool(spec.get("hostNetwork"))
    hosts = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", f"{facts.address} {hostname}"]
    hosts += [f"{alias['ip']} {' '.join(alias['hostnames'])}" for alias in spec.get("hostAliases") or []]
    contents = {"hosts": "\n".join(hosts) + "\n", "hostname": f"{hostname}\n"}
    if policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not on_host):
        search = f"search {namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
        contents["resolv.conf"] = resolver + search
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)
    return tuple(Bind(folder / name, f"/etc/{name}") for name in contents)
