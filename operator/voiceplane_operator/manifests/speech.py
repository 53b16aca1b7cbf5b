"""Speech: Triton with the models of the agent's profile, one deployment and a headless name."""

from voiceplane_operator.manifests import common
from voiceplane_operator.manifests.common import SPEECH_GRPC, SPEECH_HTTP, SPEECH_METRICS, Object
from voiceplane_operator.manifests.target import Target

PART = "speech"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the Deployment, its Service and, for more than one pod, its budget."""
    size, pods = target.spec.sizes.speech, target.spec.sizes.speech.pods(target.capacity)
    ports = {"grpc": SPEECH_GRPC, "http": SPEECH_HTTP, "metrics": SPEECH_METRICS}
    command = ["python", "-m", "voiceplane.speech", "serve", "--profile", target.profile, "--host", "0.0.0.0"]
    for option, port in ports.items():
        command += [f"--{option}-port", str(port)]
    main = common.container(target, PART, target.spec.images.speech, command, size=size)
    memory, mount = common.scratch("memory", "/dev/shm", memory=True)  # Triton's Python models share it
    main["volumeMounts"].append(mount)
    main["ports"] = [{"name": name, "containerPort": port} for name, port in ports.items()]
    main["startupProbe"] = common.http_probe("/v2/health/live", SPEECH_HTTP, failures=60)  # loading takes its time
    main["readinessProbe"] = common.http_probe("/v2/health/ready", SPEECH_HTTP)
    main["livenessProbe"] = common.http_probe("/v2/health/live", SPEECH_HTTP, period_s=10)
    spec = common.pod(target, main, priority="voiceplane-inner", extra_volumes=(memory,))
    meta = common.metadata(target, f"{target.prefix}-{PART}", PART)
    return (
        common.deployment(target, meta, spec, replicas=pods, select=common.selector(target, PART)),
        common.headless(target, PART, ports),
        *common.disruption_budget(target, PART, pods=pods),
    )
