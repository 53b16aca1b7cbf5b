"""The tool gateway: knows every revision that a call may still have."""

from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import TOOLS_GRPC, TOOLS_METRICS, Object
from voiceplane_operator.manifests.target import Target

PART = "tools"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the Deployment, its Service and, for more than one pod, its budget."""
    size = target.spec.sizes.tools
    files, file_mounts, paths = common.agent_files(target, tuple(one.name for one in target.revisions))
    spool, spool_mount = common.scratch("spool", common.SPOOL)
    command = ["python", "-m", "voiceplane.tools", "serve"]
    for path in paths:
        command += ["--agent", path]
    command += ["--host", "0.0.0.0", "--grpc-port", str(TOOLS_GRPC), "--metrics-port", str(TOOLS_METRICS)]
    records, proof, proof_mount = common.records(target)
    command += [*records, "--spool", common.SPOOL, *common.otlp(target)]
    main = common.container(target, PART, target.spec.images.tools, command, size=size)
    main["volumeMounts"] += [*file_mounts, spool_mount, *proof_mount]
    main["ports"] = [{"name": "grpc", "containerPort": TOOLS_GRPC}, {"name": "metrics", "containerPort": TOOLS_METRICS}]
    main["startupProbe"] = common.http_probe("/healthz", TOOLS_METRICS, period_s=2, failures=30)
    main["readinessProbe"] = common.http_probe("/readyz", TOOLS_METRICS)
    main["livenessProbe"] = common.http_probe("/healthz", TOOLS_METRICS, period_s=10)
    spec = common.pod(target, main, priority="voiceplane-inner", extra_volumes=(*files, spool, *proof))
    spec["terminationGracePeriodSeconds"] = 40  # the longest wish takes 15 s, and its record must leave
    meta = common.metadata(target, f"{target.prefix}-{PART}", PART)
    return (
        common.deployment(target, meta, spec, replicas=size.replicas, select=common.selector(target, PART)),
        common.headless(target, PART, {"grpc": TOOLS_GRPC, "metrics": TOOLS_METRICS}),
        *common.disruption_budget(target, PART, pods=size.replicas),
    )
