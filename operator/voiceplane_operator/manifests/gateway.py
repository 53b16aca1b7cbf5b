"""The gateways of one revision, and the address that calls come to.

A Deployment for each revision: a live call keeps the gateway, and so the words, that it began with. RTP has no Service
in its path; a gateway is reached at its own address, by its pod's or, with ports of its own, by its node's. The place
of a SIP edge (Kamailio, rtpengine) is in front of the Service.
"""

from voiceplane_operator import names
from voiceplane_operator.manifests import common, raynodes, rayservice, trunks
from voiceplane_operator.manifests.common import GATEWAY_GRPC, GATEWAY_METRICS, SIP, Object
from voiceplane_operator.manifests.target import Target

PART = "gateway"
NOBODY = "none"  # no pod has this revision: an address that is there, and answers not yet
SCALE_AT = 0.7  # of a gateway's calls: a new one needs its time to start
# As Prometheus names the pods' labels (podTargetLabels of the PodMonitor in chart voiceplane-region).
AGENT_LABEL, REVISION_LABEL = "voiceplane_dev_agent", "voiceplane_dev_revision"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the Deployment and the autoscaler of the current revision."""
    scaled = target.spec.autoscaling.enabled
    return (
        _deployment(target, None if scaled else target.gateways),
        *((_SCALERS[target.spec.autoscaling.engine](target),) if scaled else ()),
    )


def shared(target: Target) -> tuple[Object, ...]:
    """Return what the gateways of all revisions share: the address and, where there may be several, the budget."""
    most = _bounds(target)[1] if target.spec.autoscaling.enabled else target.gateways
    address = (service(target),) if target.serving or target.addressed else ()
    return *address, *common.disruption_budget(target, PART, pods=max(most, target.floor))


def address(target: Target) -> tuple[str, str]:
    """Return the kind and name of what calls come to."""
    return "Service", f"{target.prefix}-sip"


def service(target: Target) -> Object:
    """Return the Service of SIP: it leads to the one revision that takes new calls.

    It is made when there is one, and stays. Only a load balancer is asked for before that: its address takes minutes.
    """
    network = target.spec.network
    selector = common.selector(target, PART) | {names.REVISION: target.serving or NOBODY}
    port = target.block.sip if target.block else SIP
    # Gateways know a trunk by its address: no node on the way may put its own in its place.
    seen = {"externalTrafficPolicy": "Local"} if target.sources and network.service_type != "ClusterIP" else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": common.metadata(target, address(target)[1], PART, revision=target.serving),
        "spec": {
            "type": network.service_type,
            **seen,
            "selector": selector,
            "ports": [
                {"name": f"sip-{protocol.lower()}", "port": SIP, "targetPort": port, "protocol": protocol}
                for protocol in ("UDP", "TCP")
            ],
        },
    }


def _deployment(target: Target, replicas: int | None) -> Object:
    revision = target.revision.name
    told = (common.AGENT_FILE, trunks.FILE)
    files, file_mounts, (path,) = common.agent_files(target, (revision,), files=told)
    spool, spool_mount = common.scratch("spool", common.SPOOL)
    phrases, phrases_mount = common.scratch("phrases", f"{common.CACHE}/phrases")
    sip, grpc, metrics, (first, last) = _ports(target)
    command = ["python", "-m", "voiceplane.call", "serve", "--agent", path, "--revision", revision]
    command += ["--sip", f"0.0.0.0:{sip}", "--advertise", target.spec.network.advertise or "$(POD_IP)"]
    command += ["--rtp-ports", f"{first}-{last}", "--max-calls", str(target.spec.gateway.calls)]
    command += ["--speech", target.address("speech", common.SPEECH_GRPC)]
    command += ["--planner", target.address(_PLANNERS[target.asks], common.PLANNER_GRPC)]
    records, proof, proof_mount = common.records(target)
    command += ["--tools", target.address("tools", common.TOOLS_GRPC), *records]
    command += ["--trunks", f"{common.AGENTS_FOLDER}/{revision}/{trunks.FILE}"]
    command += ["--spool", common.SPOOL, "--host", "0.0.0.0", "--grpc-port", str(grpc), "--metrics-port", str(metrics)]
    main = common.container(
        target, PART, target.spec.images.gateway, [*command, *common.otlp(target)], size=target.spec.sizes.gateway
    )
    main["env"].append({"name": "OTEL_RESOURCE_ATTRIBUTES", "value": f"voice.region={target.region}"})
    main["volumeMounts"] += [*file_mounts, spool_mount, phrases_mount, *proof_mount]
    main["ports"] = [
        _port("sip-udp", sip, target, protocol="UDP"),
        _port("sip-tcp", sip, target, protocol="TCP"),
        _port("grpc", grpc, target, protocol="TCP"),
        _port("metrics", metrics, target, protocol="TCP"),
    ]
    main["startupProbe"] = common.http_probe("/healthz", metrics, period_s=2, failures=150)  # loads its models
    main["readinessProbe"] = common.http_probe("/readyz", metrics, period_s=2)
    main["livenessProbe"] = common.http_probe("/healthz", metrics, period_s=10)
    spec = common.pod(target, main, priority="voiceplane-media", extra_volumes=(*files, spool, phrases, *proof))
    spec["terminationGracePeriodSeconds"] = common.grace_s(target)
    if target.spec.network.node_selector:
        spec["nodeSelector"] = dict(target.spec.network.node_selector)
    meta = common.metadata(target, names.gateway_name(target.prefix, revision), PART, revision=revision)
    meta["annotations"][names.PLANNER] = target.asks
    select = common.selector(target, PART) | {names.REVISION: revision}
    if target.block is not None:
        meta["annotations"][names.BLOCK] = f"{target.block.first}+{target.block.size}"
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    built = common.deployment(target, meta, spec, replicas=replicas, select=select)
    missing, more = target.max_unavailable, 1
    if target.block is not None:  # the successor needs the same ports of a node: one goes before the next comes
        missing, more = max(1, missing), 0
    built["spec"]["strategy"]["rollingUpdate"] = {"maxUnavailable": missing, "maxSurge": more}
    return built


def _ports(target: Target) -> tuple[int, int, int, tuple[int, int]]:
    if target.block is not None:
        return target.block.sip, target.block.grpc, target.block.metrics, target.block.rtp
    return SIP, GATEWAY_GRPC, GATEWAY_METRICS, common.rtp_ports(target.spec)


def _port(name: str, number: int, target: Target, *, protocol: str) -> Object:
    port: Object = {"name": name, "containerPort": number, "protocol": protocol}
    # A host port keeps two gateways of one block off one node: the scheduler sees it, RTP it would not.
    return port | ({"hostPort": number} if target.block is not None else {})


def _average(target: Target) -> int:
    """Return the calls a gateway has on average when there are enough of them."""
    return max(1, int(target.spec.gateway.calls * SCALE_AT))


def _bounds(target: Target) -> tuple[int, int]:
    """Return the fewest and most gateways: those that took the calls until now, and those that hold the capacity."""
    most = min(target.spec.autoscaling.max_replicas, -(-target.capacity // _average(target)))
    return target.floor, max(target.floor, most)


def _horizontal(target: Target) -> Object:
    """Return an autoscaler by an external metric, which an adapter offers."""
    selector = {"matchLabels": {AGENT_LABEL: target.prefix, REVISION_LABEL: target.revision.name}}
    wanted = {"type": "AverageValue", "averageValue": str(_average(target))}
    metric = {"type": "External", "external": {"metric": {"name": METRIC, "selector": selector}, "target": wanted}}
    least, most = _bounds(target)
    counts = {"minReplicas": least, "maxReplicas": most}
    spec = {**counts, "metrics": [metric], "behavior": _behavior(target)}
    return _scaler(target, "autoscaling/v2", "HorizontalPodAutoscaler", spec)


def _keda(target: Target) -> Object:
    """Return KEDA's ScaledObject, which asks Prometheus and makes the autoscaler itself."""
    least, most = _bounds(target)
    query = f'sum({METRIC}{{{AGENT_LABEL}="{target.prefix}",{REVISION_LABEL}="{target.revision.name}"}})'
    asks = {"serverAddress": target.spec.autoscaling.prometheus, "query": query, "threshold": str(_average(target))}
    asks["ignoreNullValues"] = "false"  # a Prometheus that has lost sight of the gateways is no lull: they stay
    spec = {
        "minReplicaCount": least,
        "maxReplicaCount": most,
        "triggers": [{"type": "prometheus", "metricType": "AverageValue", "metadata": asks}],
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(target)}},
    }
    return _scaler(target, "keda.sh/v1alpha1", "ScaledObject", spec)


def _behavior(target: Target) -> Object:
    """Return how gateways go: one at a time is enough, since each finishes its calls first."""
    after_s = int(target.spec.autoscaling.scale_down_after)
    one = {"type": "Pods", "value": 1, "periodSeconds": after_s // 2}
    return {"scaleDown": {"stabilizationWindowSeconds": after_s, "policies": [one]}}


def _scaler(target: Target, api_version: str, kind: str, spec: Object) -> Object:
    """Return an object that scales the gateways of the current revision."""
    revision = target.revision.name
    name = names.gateway_name(target.prefix, revision)
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": common.metadata(target, name, PART, revision=revision),
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, **spec},
    }


_PLANNERS = {"kuberay": rayservice.PART, "ray": raynodes.ADDRESS}
METRIC = "voiceplane_calls_active"
_SCALERS = {"hpa": _horizontal, "keda": _keda}
