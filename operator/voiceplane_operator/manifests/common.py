"""What all pods share: labels, security, probes, sizes. Read by the other manifests."""

import math
from typing import Any

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane.contract.sizes import Size
from voiceplane_operator import names
from voiceplane_operator.manifests.target import Target

AGENTS_FOLDER, AGENT_FILE = "/etc/voiceplane/agents", "agent.yaml"
SPOOL = "/var/lib/voiceplane/spool"
RECORDS_TLS = "/etc/voiceplane/records"
CACHE = "/var/cache/voiceplane"
SPEECH_GRPC, SPEECH_HTTP, SPEECH_METRICS = 8001, 8000, 8002
PLANNER_GRPC = 9000
TOOLS_GRPC, TOOLS_METRICS = 9001, 9101
GATEWAY_GRPC, GATEWAY_METRICS, SIP = 9003, 9103, 5060
COLLECTOR, OTLP_GRPC = "voiceplane-collector", 4317  # the Service of chart voiceplane-region
RTP_FIRST, RTP_PORTS = 20000, 1000
PORTS_PER_CALL = 3  # RTP, RTCP, and as much again for half of the calls: ports rest after a call
UID = 10001
Object = dict[str, Any]


def metadata(target: Target, name: str, component: str, *, revision: str = "") -> Object:
    """Return an object's metadata with the labels by which it is found and pruned."""
    return {
        "name": name,
        "namespace": target.namespace,
        "labels": labels(target, component, revision=revision),
        "annotations": {names.OWNER: target.owner},
    }


def of_region(spec: VoiceRegionSpec, hub: str, region: str, name: str, component: str) -> Object:
    """Return the metadata of an object that a region has once."""
    return {
        "name": name,
        "namespace": spec.namespace,
        "labels": {
            "app.kubernetes.io/name": f"voiceplane-{component}",
            "app.kubernetes.io/managed-by": names.MANAGER,
            names.HUB: hub,
            names.AGENT: names.REGION_MARK,
            names.COMPONENT: component,
        },
        "annotations": {names.OWNER: region},
    }


def labels(target: Target, component: str, *, revision: str = "") -> dict[str, str]:
    """Return an object's labels."""
    return {
        "app.kubernetes.io/name": f"voiceplane-{component}",
        "app.kubernetes.io/managed-by": names.MANAGER,
        names.HUB: target.hub,
        names.AGENT: target.prefix,
        names.COMPONENT: component,
    } | ({names.REVISION: revision} if revision else {})


def selector(target: Target, component: str) -> dict[str, str]:
    """Return what selects the pods of a part."""
    return {names.AGENT: target.prefix, names.COMPONENT: component}


def pod(target: Target, container: Object, *, priority: str, extra_volumes: tuple[Object, ...] = ()) -> Object:
    """Return a pod's spec around one container: restricted, without a token, on writable scratch only."""
    spec: Object = {
        "serviceAccountName": "voiceplane-agent",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": priority,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *_model_volumes(target), *extra_volumes],
    }
    if target.spec.host_aliases:
        spec["hostAliases"] = [{"ip": one.ip, "hostnames": list(one.hostnames)} for one in target.spec.host_aliases]
    if target.spec.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in target.spec.image_pull_secrets]
    return spec


def container(target: Target, name: str, image: str, command: list[str], *, size: Size) -> Object:
    """Return a container that writes to its scratch only."""
    resources: Object = {"requests": {"cpu": size.cpu, "memory": size.memory}, "limits": {"memory": size.memory}}
    if size.gpu:
        resources["limits"]["nvidia.com/gpu"] = str(size.gpu)
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    if target.spec.models is not None:
        mounts.append({"name": "models", "mountPath": f"{CACHE}/models", "readOnly": True})  # type: ignore[dict-item]
    return {
        "name": name,
        "image": image,
        "command": command,
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "VOICEPLANE_CACHE", "value": CACHE},
            {"name": "HOME", "value": "/tmp"},
        ],
        "resources": resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",  # its last words, for the agent's status
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _model_volumes(target: Target) -> list[Object]:
    models = target.spec.models
    if models is None:
        return []
    if models.claim is not None:
        return [{"name": "models", "persistentVolumeClaim": {"claimName": models.claim, "readOnly": True}}]
    return [{"name": "models", "hostPath": {"path": models.host_path, "type": "Directory"}}]


def scratch(name: str, path: str, *, memory: bool = False) -> tuple[Object, Object]:
    """Return a volume that lives as long as its pod, and its mount."""
    return {"name": name, "emptyDir": {"medium": "Memory"} if memory else {}}, {"name": name, "mountPath": path}


def agent_files(
    target: Target, revisions: tuple[str, ...], *, files: tuple[str, ...] = (AGENT_FILE,)
) -> tuple[tuple[Object, ...], tuple[Object, ...], list[str]]:
    """Return volumes with these files of revisions' ConfigMaps, their mounts, and the paths of the bundles."""
    items = [{"key": file, "path": file} for file in files]
    volumes = tuple(
        {"name": f"agent-{one}", "configMap": {"name": names.bundle_name(target.prefix, one), "items": items}}
        for one in revisions
    )
    mounts = tuple(
        {"name": f"agent-{one}", "mountPath": f"{AGENTS_FOLDER}/{one}", "readOnly": True} for one in revisions
    )
    return volumes, mounts, [f"{AGENTS_FOLDER}/{one}/{AGENT_FILE}" for one in revisions]


def records(target: Target) -> tuple[list[str], tuple[Object, ...], tuple[Object, ...]]:
    """Return the options that name the records, and the volume and mount of the region's proof to them, if any.

    The volume is optional: without the Secret calls are answered all the same, and records wait.
    """
    options, proof = ["--records", target.spec.records], target.spec.records_tls
    if proof is None:
        return options, (), ()
    secret = {"secretName": proof.secret_name, "optional": True, "defaultMode": 0o440}
    mount = {"name": "records-tls", "mountPath": RECORDS_TLS, "readOnly": True}
    return [*options, "--records-tls", RECORDS_TLS], ({"name": "records-tls", "secret": secret},), (mount,)


def http_probe(path: str, port: int, *, period_s: int = 5, failures: int = 3) -> Object:
    """Return a probe by HTTP."""
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period_s,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def deployment(
    target: Target, meta: Object, pod_spec: Object, *, replicas: int | None, select: dict[str, str]
) -> Object:
    """Return a Deployment that replaces a pod only when its successor is ready; None leaves the count to a scaler."""
    spec: Object = {
        "selector": {"matchLabels": select},
        "revisionHistoryLimit": 1,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": meta["labels"], "annotations": meta["annotations"]}, "spec": pod_spec},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def headless(target: Target, component: str, ports: dict[str, int], *, name: str = "") -> Object:
    """Return a Service whose name is its pods' addresses, so that gRPC sees each of them."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(target, f"{target.prefix}-{name or component}", component),
        "spec": {
            "clusterIP": "None",
            "selector": selector(target, component),
            "ports": [{"name": name, "port": port, "targetPort": port} for name, port in ports.items()],
        },
    }


def disruption_budget(target: Target, component: str, *, pods: int, counted: bool = True) -> tuple[Object, ...]:
    """Return a budget that lets a drain take one pod at a time; none for a single pod, which it would let go anyway.

    Not `counted`: nothing that owns the pods tells Kubernetes how many there should be, so the budget does.
    """
    if pods < 2:
        return ()
    bound = {"maxUnavailable": 1} if counted else {"minAvailable": pods - 1}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(target, f"{target.prefix}-{component}", component),
        "spec": {**bound, "selector": {"matchLabels": selector(target, component)}},
    }
    return (budget,)


def otlp(target: Target) -> list[str]:
    """Return the option that names where spans go: the region's Collector, or without one where it would send them."""
    return ["--otlp-endpoint", spans_to(target.spec)]


def spans_to(spec: VoiceRegionSpec) -> str:
    """Return where services send spans."""
    if spec.telemetry.collector:
        return f"{COLLECTOR}.{spec.namespace}.svc:{OTLP_GRPC}"
    return spec.telemetry.endpoint or spec.records


def rtp_ports(spec: VoiceRegionSpec) -> tuple[int, int]:
    """Return the first and last media port of a gateway with an address of its own."""
    return RTP_FIRST, RTP_FIRST + max(RTP_PORTS, PORTS_PER_CALL * spec.gateway.calls) - 1


def grace_s(target: Target) -> int:
    """Return how long a pod that is told to end may finish its calls."""
    return math.ceil(target.spec.drain_timeout)
