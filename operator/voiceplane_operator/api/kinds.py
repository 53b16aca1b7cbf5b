"""The kinds that the operator reads and writes, with their paths on an API server. Read by cluster and watch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Api:
    """Where a kind lives."""

    kind: str
    base: str  # /api/v1 or /apis/GROUP/VERSION
    plural: str
    namespaced: bool = True
    whole: bool = False  # a watch needs more than its metadata
    counted: bool = True  # metadata.generation follows its spec; otherwise resourceVersion tells a change
    optional: bool = False  # a cluster may lack the kind, or not let us see it

    @property
    def rule(self) -> str:
        """Return the rule of a Role that lets somebody watch it, as YAML in one line."""
        return self.rule_to("get", "list", "watch")

    @property
    def group_version(self) -> str:
        """Return its API as people write it: apps/v1."""
        return self.base.removeprefix("/apis/").removeprefix("/api/")

    def rule_to(self, *verbs: str) -> str:
        """Return the rule of a Role that lets somebody do so to it, as YAML in one line."""
        group = self.group_version.rpartition("/")[0]
        return f'{{apiGroups: ["{group}"], resources: [{self.plural}], verbs: [{", ".join(verbs)}]}}'

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """Return the path of a collection, or of one object."""
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.base}{inside}/{self.plural}" + (f"/{name}" if name else "")


CORE = "/api/v1"
OURS = "/apis/voiceplane.dev/v1alpha1"
CHILDREN = (
    Api("ConfigMap", CORE, "configmaps", counted=False),
    Api("Secret", CORE, "secrets", counted=False, optional=True),  # a region may keep its Secrets from us
    Api("Service", CORE, "services", whole=True, counted=False),
    Api("Deployment", "/apis/apps/v1", "deployments", whole=True),
    Api("NetworkPolicy", "/apis/networking.k8s.io/v1", "networkpolicies"),
    Api("PodDisruptionBudget", "/apis/policy/v1", "poddisruptionbudgets"),
    Api("HorizontalPodAutoscaler", "/apis/autoscaling/v2", "horizontalpodautoscalers", whole=True),
    Api("ScaledObject", "/apis/keda.sh/v1alpha1", "scaledobjects", whole=True, optional=True),
    Api("RayService", "/apis/ray.io/v1", "rayservices", whole=True, optional=True),
)
POD = Api("Pod", CORE, "pods", whole=True)
KINDS = {
    api.kind: api
    for api in (
        *CHILDREN,
        POD,
        Api("VoiceAgent", OURS, "voiceagents"),
        Api("VoicePolicy", OURS, "voicepolicies"),
        Api("VoiceRegion", OURS, "voiceregions", namespaced=False),
        Api("SIPTrunk", OURS, "siptrunks"),
        Api("Event", CORE, "events"),
        Api("Lease", "/apis/coordination.k8s.io/v1", "leases"),
        Api("ClusterProfile", "/apis/multicluster.x-k8s.io/v1alpha1", "clusterprofiles"),
        Api("CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
    )
}
