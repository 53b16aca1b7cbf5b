"""The planner: KubeRay's RayService, or a Ray of our own. Either knows every revision that a call may have."""

from voiceplane_operator.manifests import common, raynodes, rayservice
from voiceplane_operator.manifests.common import Object
from voiceplane_operator.manifests.target import Target

PART = "planner"


def manifests(target: Target) -> tuple[Object, ...]:
    """Return the planner as the region wants it, and beside it the one that gateways are still moving from."""
    made = (one for engine in target.engines for one in _ENGINES[engine](target))
    counted = "kuberay" not in target.engines  # a RayCluster has no scale: Kubernetes would refuse every eviction
    return (*made, *common.disruption_budget(target, PART, pods=target.spec.sizes.planner.replicas, counted=counted))


_ENGINES = {"kuberay": rayservice.manifests, "ray": raynodes.manifests}
