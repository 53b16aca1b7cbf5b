"""The planner where nobody runs KubeRay: Ray's head as a Deployment, workers that join it as another.

The head has the application, a replica and a proxy; each worker has a replica and a proxy. A new revision rolls both:
a worker joins only a head that serves what its own manifest names.
"""

import hashlib

from voiceplane_operator import names
from voiceplane_operator.manifests import common, credential
from voiceplane_operator.manifests.common import PLANNER_GRPC, Object
from voiceplane_operator.manifests.target import Target

PART, ADDRESS = "planner", "planner-ray"
HEAD, WORKER = "head", "worker"
RAY, SERVE_HTTP = 6379, 8000
STATE = "/var/lib/voiceplane/ray"
GRACE_S = 40  # what was begun ends, then Ray


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the head and the name that gateways ask; where there are workers, those and the name that they ask."""
    more = target.spec.sizes.planner.replicas - 1
    return (
        _head(target),
        common.headless(target, PART, {"grpc": PLANNER_GRPC}, name=ADDRESS),
        *((_worker(target, more), _heads(target)) if more else ()),
    )


def _head(target: Target) -> Object:
    files, mounts, paths = common.agent_files(target, tuple(one.name for one in target.revisions))
    state, state_mount = common.scratch("ray", STATE)  # outlives the container: workers go on when it starts again
    command = ["head", *(option for path in paths for option in ("--agent", path))]
    command += ["--host", "0.0.0.0", "--grpc-port", str(PLANNER_GRPC), "--http-port", str(SERVE_HTTP)]
    command += ["--replicas", str(target.spec.sizes.planner.replicas), "--state", STATE, *common.otlp(target)]
    return _node(target, HEAD, command, replicas=1, volumes=(*files, state), mounts=(*mounts, state_mount))


def _worker(target: Target, replicas: int) -> Object:
    head = f"{target.prefix}-{PART}-{HEAD}.{target.namespace}.svc"
    return _node(target, WORKER, ["worker", "--head", head], replicas=replicas)


def _node(
    target: Target, role: str, command: list[str], *, replicas: int,
    volumes: tuple[Object, ...] = (), mounts: tuple[Object, ...] = (),
) -> Object:  # fmt: skip
    size = target.spec.sizes.planner
    command = ["python", "-m", "voiceplane.planner", *command, "--address", "$(POD_IP)", "--ray-port", str(RAY)]
    main = common.container(target, f"ray-{role}", target.spec.images.planner, command, size=size)
    secrets, secret_mounts = credential.volumes(target)
    main["volumeMounts"] += [*mounts, *secret_mounts]
    main["ports"] = [{"name": "grpc", "containerPort": PLANNER_GRPC}]
    health = {"grpc": {"port": PLANNER_GRPC}, "periodSeconds": 5, "timeoutSeconds": 3}
    main["startupProbe"] = {**health, "failureThreshold": 60}  # Ray takes tens of seconds
    main["readinessProbe"] = {**health, "failureThreshold": 2}
    main["livenessProbe"] = {**health, "periodSeconds": 10, "failureThreshold": 6}
    spec = common.pod(target, main, priority="voiceplane-inner", extra_volumes=(*volumes, *secrets))
    spec["terminationGracePeriodSeconds"] = GRACE_S
    meta = common.metadata(target, f"{target.prefix}-{PART}-{role}", PART)
    select = common.selector(target, PART) | {names.ROLE: role}
    built = common.deployment(target, meta, spec, replicas=replicas, select=select)
    pod_meta = built["spec"]["template"]["metadata"]
    pod_meta["labels"] = pod_meta["labels"] | {names.ROLE: role, names.SERVES: _served(target)}
    return built


def _heads(target: Target) -> Object:
    """Return the name of the heads that are ready and serve what this target does."""
    name = f"{PART}-{HEAD}"
    service = common.headless(target, PART, {"ray": RAY}, name=name)
    service["spec"]["selector"] |= {names.ROLE: HEAD, names.SERVES: _served(target)}
    return service


def _served(target: Target) -> str:
    """Name the set of revisions."""
    return hashlib.sha256(" ".join(one.name for one in target.revisions).encode()).hexdigest()[:12]
