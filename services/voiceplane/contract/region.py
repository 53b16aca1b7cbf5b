"""The VoiceRegion: one cluster that may hold calls, and everything in which it differs from the others.

The dialogue, the tools and the policy of an agent are never said here: two regions differ in where models lie, in
sizes, in the network, and in nothing that a caller could notice in words.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from voiceplane.contract.agent import Country, Mode
from voiceplane.contract.base import CIDR, HOST_PORT, ContractModel, DnsLabel, Duration, ObjectMeta
from voiceplane.contract.sizes import Replicas, Sizes

Image = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][^\s]*$", max_length=512)]
HostPort = Annotated[str, StringConstraints(pattern=HOST_PORT, max_length=261)]
Cidr = Annotated[str, StringConstraints(pattern=CIDR, max_length=49)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Text = Annotated[str, StringConstraints(max_length=253)]
IN_CLUSTER = re.compile(r"\.svc(\.(cluster|clusterset)\.local)?:[0-9]+$")  # a Service, which a mesh may span clusters
PER_GATEWAY_PORTS = 4  # SIP, gRPC and metrics of a gateway on the network of its node; RTP begins even


class InCluster(ContractModel):
    """The region is the cluster that the operator runs in."""


class KubeConfig(ContractModel):
    """A Secret in the operator's namespace that holds a kubeconfig; a changed Secret is taken up without a restart."""

    name: Name
    key: Name = "kubeconfig"


class ClusterProfile(ContractModel):
    """A ClusterProfile (multicluster.x-k8s.io) whose credential plugin gives access."""

    name: Name
    namespace: DnsLabel


class Images(ContractModel):
    """The image of each part; name digests where images are mirrored."""

    gateway: Image = "ghcr.io/voiceplane/gateway:0.1.0"
    speech: Image = "ghcr.io/voiceplane/speech:0.1.0"
    planner: Image = "ghcr.io/voiceplane/planner:0.1.0"
    tools: Image = "ghcr.io/voiceplane/tools:0.1.0"


class Models(ContractModel):
    """Where models lie when they are not in the images: the same files by digest, on a mirror."""

    host_path: Annotated[str, StringConstraints(pattern=r"^/", max_length=4096)] | None = None
    claim: Name | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.host_path is None) == (self.claim is None):
            raise ValueError("name exactly one place of the models: hostPath or claim")
        return self


class Network(ContractModel):
    """How calls reach a gateway: by its pod's own address, or by its node's with ports that are its alone."""

    exposure: Literal["pod", "host"] = "pod"
    advertise: Text = ""  # address in Contact and SDP; default: the pod's or node's
    service_type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    node_selector: Annotated[dict[str, Text], Field(max_length=20)] = Field(default_factory=dict)
    nodes: Annotated[tuple[Cidr, ...], Field(max_length=100)] = ()  # addresses of the nodes, with exposure host
    first_port: Port = 20000  # on a node, with exposure host
    last_port: Port = 39999

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.first_port >= self.last_port:
            raise ValueError("firstPort must be below lastPort")
        return self


class Gateways(ContractModel):
    """How many calls one gateway may hold: of its one process about two thirds (docs/kubernetes.md)."""

    calls: Annotated[int, Field(ge=1, le=2000)] = 20


class PlannerEngine(ContractModel):
    """KubeRay's RayService, or a Ray head and workers of our own for clusters without KubeRay."""

    engine: Literal["kuberay", "ray"] = "kuberay"


class Autoscaling(ContractModel):
    """Follow the calls by the metric voiceplane_calls_active; without it the count follows from the capacity.

    maxReplicas bounds the gateways of one agent: maxReplicas times gateway.calls are the calls it can have here.
    engine hpa: an adapter offers the metric as an external one. engine keda: KEDA asks Prometheus itself.
    """

    enabled: bool = False
    engine: Literal["hpa", "keda"] = "hpa"
    prometheus: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=512)] | None = None
    max_replicas: Replicas = 10
    scale_down_after: Duration = 600.0  # of fewer calls; the next gateway goes half as long after that

    @model_validator(mode="after")
    def _can_wait_so_long(self) -> Self:
        if not 2.0 <= self.scale_down_after <= 3600.0:
            raise ValueError("scaleDownAfter is from 2s to 1h: longer is not remembered by Kubernetes' autoscaler")
        return self

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.enabled and self.engine == "keda" and self.prometheus is None:
            raise ValueError(
                "engine keda needs prometheus: the address that KEDA asks, http://prometheus.monitoring:9090"
            )
        return self


class Egress(ContractModel):
    """What pods may reach outside their cluster. Closed and without ranges: nothing."""

    open: bool | None = None  # default: closed on-prem, open elsewhere
    cidrs: Annotated[tuple[Cidr, ...], Field(max_length=100)] = ()


class Telemetry(ContractModel):
    """The way of spans: from the services to the region's Collector, which redacts them, and from it to an endpoint."""

    endpoint: HostPort | None = None  # OTLP over gRPC; default: the records endpoint
    tls: bool = False  # of the Collector's way to the endpoint, by the certificates that its image trusts
    collector: bool = True  # of chart voiceplane-region; without it the services send to the endpoint themselves


class RecordsTls(ContractModel):
    """Proof of both sides on the way to records of another cluster, by a Secret in the region's namespace.

    It has tls.crt, tls.key and ca.crt; the subjectAltName of tls.crt has one URI:voiceplane:region:NAME.
    """

    secret_name: DnsLabel = "voiceplane-records"  # the one that chart voiceplane-region mounts in its Collector


class HostAlias(ContractModel):
    """Names for an address that the region's DNS does not know."""

    ip: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+$", max_length=45)]
    hostnames: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]


class VoiceRegionSpec(ContractModel):
    """Access, place, size and network of one region."""

    mode: Mode
    location: Country
    in_cluster: InCluster | None = None
    kube_config: KubeConfig | None = None
    cluster_profile: ClusterProfile | None = None
    namespace: DnsLabel = "voiceplane"
    capacity: Annotated[int, Field(ge=0, le=1_000_000)] = 100  # calls at once
    records: HostPort = "voiceplane-records.voiceplane-system.svc:9002"  # of chart voiceplane, by its usual names
    records_tls: RecordsTls | None = None
    telemetry: Telemetry = Telemetry()
    images: Images = Images()
    sizes: Sizes = Sizes()
    models: Models | None = None
    network: Network = Network()
    gateway: Gateways = Gateways()
    planner: PlannerEngine = PlannerEngine()
    autoscaling: Autoscaling = Autoscaling()
    egress: Egress = Egress()
    host_aliases: Annotated[tuple[HostAlias, ...], Field(max_length=50)] = ()
    image_pull_secrets: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    drain_timeout: Duration = 3600.0
    suspend: bool = False  # no new agents come here; what runs goes on

    @property
    def most_calls(self) -> int | None:
        """Return how many calls of one agent its gateways can be scaled for; None: for as many as there are."""
        return self.autoscaling.max_replicas * self.gateway.calls if self.autoscaling.enabled else None

    @property
    def is_open(self) -> bool:
        """Say whether pods may reach any address outside their cluster."""
        return self.mode != "on-prem" if self.egress.open is None else self.egress.open

    @model_validator(mode="after")
    def _keeps_records_from_others(self) -> Self:
        if self.in_cluster is None and self.records_tls is None and not IN_CLUSTER.search(self.records):
            raise ValueError(
                "records go to another cluster, so name recordsTls; in plain text only to a Service,"
                " NAME.NAMESPACE.svc:PORT"
            )
        if self.records_tls is not None and not self.telemetry.collector and self.telemetry.endpoint is None:
            raise ValueError(
                "only the Collector proves who it is to records: without it name telemetry.endpoint, for the spans"
            )
        return self

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        ways = (self.in_cluster, self.kube_config, self.cluster_profile)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("name exactly one access: inCluster, kubeConfig or clusterProfile")
        return self


class VoiceRegion(ContractModel):
    """The custom resource; it has no namespace."""

    api_version: Literal["voiceplane.dev/v1alpha1"]
    kind: Literal["VoiceRegion"]
    metadata: ObjectMeta
    spec: VoiceRegionSpec
