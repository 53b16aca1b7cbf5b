"""The planner where KubeRay runs: a RayService. Read by planner."""

import json

from voiceplane_operator import names
from voiceplane_operator.manifests import common, credential
from voiceplane_operator.manifests.common import PLANNER_GRPC, Object
from voiceplane_operator.manifests.target import Target

PART = "planner"
RAY_VERSION = "2.60.0"
SERVE_HTTP, DASHBOARD = 8000, 8265
SERVICERS = [
    "voiceplane.rpc.v1.planner_pb2_grpc.add_PlannerServicer_to_server",
    "grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server",
]


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the RayService; KubeRay makes the rest."""
    return (_ray_service(target),)


def _ray_service(target: Target) -> Object:
    """Return the RayService. The bundles are arguments of the application: a new revision is an update in place."""
    size = target.spec.sizes.planner
    name = f"{target.prefix}-{PART}"
    main = common.container(target, "ray-head", target.spec.images.planner, [], size=size)
    del main["command"]  # KubeRay writes it, behind these arguments
    # Its dashboard asks the cloud's metadata server where it runs, statistics off or not, unless this file is there,
    # and reports that they are off.
    main["args"] = ["touch", "/tmp/ray_bootstrap_config.yaml"]
    main["env"] += [
        {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"},
        {"name": "RAY_USAGE_STATS_REPORT_URL", "value": "http://127.0.0.1:9"},
    ]
    main["ports"] = [
        {"name": "gcs-server", "containerPort": 6379},
        {"name": "dashboard", "containerPort": DASHBOARD},
        {"name": "client", "containerPort": 10001},
        {"name": "serve", "containerPort": SERVE_HTTP},
        {"name": "grpc", "containerPort": PLANNER_GRPC},
    ]
    secrets, mounts = credential.volumes(target)
    main["volumeMounts"] += mounts
    spec = common.pod(target, main, priority="voiceplane-inner", extra_volumes=secrets)
    pod_meta = {"labels": common.labels(target, PART), "annotations": {names.OWNER: target.owner}}
    head = {
        "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "2"},
        "template": {"metadata": pod_meta, "spec": spec},
    }
    cluster: Object = {"rayVersion": RAY_VERSION, "headGroupSpec": head}
    if size.replicas > 1:
        cluster["workerGroupSpecs"] = [_workers(spec, pod_meta, size.replicas - 1)]
    labels = {key: value for key, value in common.labels(target, PART).items() if key != names.HUB}
    service = {  # KubeRay makes it: with the hub's label it would be pruned as nobody's
        "metadata": {"name": name, "namespace": target.namespace, "labels": labels},
        "spec": {"clusterIP": "None", "ports": [{"name": "grpc", "port": PLANNER_GRPC, "targetPort": PLANNER_GRPC}]},
    }
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": common.metadata(target, name, PART),
        "spec": {
            "serveConfigV2": serve_config(target),
            "serveService": service,
            "rayClusterConfig": cluster,
        },
    }


def _workers(head: Object, pod_meta: Object, count: int) -> Object:
    """Return the nodes beside the head, each with a replica and a proxy of its own."""
    (container,) = head["containers"]
    ports = [one for one in container["ports"] if one["name"] in ("serve", "grpc")]
    worker = {**head, "containers": [{**container, "name": "ray-worker", "ports": ports}]}
    return {
        "groupName": "workers",
        "replicas": count,
        "minReplicas": count,
        "maxReplicas": count,
        "rayStartParams": {"num-cpus": "2"},
        "template": {"metadata": pod_meta, "spec": worker},
    }


def serve_config(target: Target) -> str:
    """Return Ray Serve's configuration: the planner's gRPC application with every revision."""
    application = {
        "name": PART,
        "import_path": "voiceplane.planner.application:build",
        "route_prefix": "/planner",
        "args": {
            "agents": [revision.text for revision in target.revisions],
            "otlp_endpoint": common.otlp(target)[1],
        },
        "deployments": [{"name": "PlannerReplica", "num_replicas": target.spec.sizes.planner.replicas}],
    }
    config = {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": SERVE_HTTP},
        "grpc_options": {"port": PLANNER_GRPC, "grpc_servicer_functions": SERVICERS},
        "logging_config": {"log_level": "WARNING", "enable_access_log": False},
        "applications": [application],
    }
    return json.dumps(config, indent=1, ensure_ascii=False)
