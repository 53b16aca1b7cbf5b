"""What is rendered: one agent in one region. The input of manifests and plan; made in reconcile. Pure data."""

from dataclasses import dataclass, field, replace

from voiceplane.contract.region import PER_GATEWAY_PORTS, VoiceRegionSpec
from voiceplane.contract.trunk import TrunkOfAgent
from voiceplane_operator import names


@dataclass(frozen=True, slots=True)
class Revision:
    """An immutable content of an agent with its policy."""

    name: str  # 12 hex digits
    policy_digest: str
    text: str  # the bundle as the services read it
    credential: str = ""  # the Secret that its model planner names
    model_endpoint: str = ""  # where its model planner asks


@dataclass(frozen=True, slots=True)
class PortBlock:
    """The ports of one gateway on the network of its node; no two gateways of a region have the same block."""

    first: int
    size: int

    @property
    def sip(self) -> int:
        """Return the port of SIP."""
        return self.first

    @property
    def grpc(self) -> int:
        """Return the port of the Calls service."""
        return self.first + 1

    @property
    def metrics(self) -> int:
        """Return the port of metrics and probes."""
        return self.first + 2

    @property
    def rtp(self) -> tuple[int, int]:
        """Return the first and last port of media."""
        return self.first + PER_GATEWAY_PORTS, self.first + self.size - 1


@dataclass(frozen=True, slots=True)
class Target:
    """One agent in one region."""

    hub: str
    owner: str  # namespace/name
    region: str
    spec: VoiceRegionSpec
    revision: Revision
    profile: str  # of speech
    capacity: int  # calls that this region must hold of it
    trunks: tuple[TrunkOfAgent, ...] = ()  # empty: calls may come from anywhere
    block: PortBlock | None = None  # with exposure host
    others: tuple[Revision, ...] = field(default=())  # older ones whose calls go on
    serving: str = ""  # the revision that takes new calls
    max_unavailable: int = 0  # gateways of one revision while they are replaced
    floor: int = 1  # gateways that take the calls until now: a revision that is scaled has as many before they move
    credential: str = field(default="", repr=False)  # base64, of the newest revision's Secret
    planner: str = ""  # the engine that gateways ask while the one that the region names is not up yet
    leaving: str = ""  # the engine that is wanted no more, while a gateway asks it
    addressed: bool = False  # the address of SIP is there, or is to be, also while nothing answers

    def served(self, block: PortBlock | None) -> "Target":
        """Return it as it is when its newest revision takes the calls and no earlier one has any."""
        return replace(self, block=block, serving=self.revision.name)

    @property
    def prefix(self) -> str:
        """Return the agent's short name."""
        return names.prefix(self.owner)

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the addresses that calls may come from; none: any."""
        return tuple(sorted({source for trunk in self.trunks for source in trunk.sources}))

    @property
    def namespace(self) -> str:
        """Return where everything goes."""
        return self.spec.namespace

    @property
    def revisions(self) -> tuple[Revision, ...]:
        """Return every revision that a call may still have, in a fixed order."""
        return tuple(
            sorted({one.name: one for one in (*self.others, self.revision)}.values(), key=lambda one: one.name)
        )

    @property
    def asks(self) -> str:
        """Return the engine of planners that gateways ask."""
        return self.planner or self.spec.planner.engine

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the engines of planners that are there, the wanted one first."""
        return tuple(dict.fromkeys(one for one in (self.spec.planner.engine, self.leaving) if one))

    @property
    def gateways(self) -> int:
        """Return how many gateways hold the capacity."""
        return max(1, -(-self.capacity // self.spec.gateway.calls))

    @property
    def needed(self) -> int:
        """Return how many gateways must be up before calls move to the newest revision."""
        return self.floor if self.spec.autoscaling.enabled else self.gateways

    def address(self, part: str, port: int) -> str:
        """Return where a part of the agent is reached."""
        return f"{self.prefix}-{part}.{self.namespace}.svc:{port}"


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What a target has in common in all regions of an agent."""

    hub: str
    owner: str
    revision: Revision
    profile: str
    max_unavailable: int
    trunks: tuple[TrunkOfAgent, ...] = ()
    credential: str = field(default="", repr=False)

    def in_region(self, name: str, spec: VoiceRegionSpec, *, calls: int) -> Target:
        """Return the agent in one region, which holds so many calls of it."""
        return Target(
            hub=self.hub,
            owner=self.owner,
            region=name,
            spec=spec,
            revision=self.revision,
            profile=self.profile,
            capacity=max(1, calls),
            trunks=self.trunks,
            max_unavailable=self.max_unavailable,
            credential=self.credential,
        )
