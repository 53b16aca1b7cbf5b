"""What the operator writes back: conditions and the state of each region. One source for the CRDs' status schemas."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from voiceplane.contract.base import ContractModel

Time = Annotated[str, StringConstraints(max_length=40)]  # RFC 3339
Addresses = Annotated[str, StringConstraints(max_length=1000)]  # host:port, for people and what they point at it
Word = Annotated[str, StringConstraints(max_length=253)]


class Condition(ContractModel):
    """A metav1.Condition."""

    type: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]*$", max_length=60)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=60)]
    message: Annotated[str, StringConstraints(max_length=2000)]
    last_transition_time: Time
    observed_generation: int | None = None


Conditions = Annotated[tuple[Condition, ...], Field(max_length=20)]


class RegionState(ContractModel):
    """One agent in one region."""

    name: Word
    ready: bool
    revision: Word = ""  # the one that takes new calls
    calls: int | None = None
    address: Addresses | None = None  # of SIP, as a load balancer has it: what a trunk is pointed at
    draining: Annotated[tuple[Word, ...], Field(max_length=20)] = ()  # revisions with pods that finish their calls
    condition: Condition


class VoiceAgentStatus(ContractModel):
    """An agent over all of its regions."""

    observed_generation: int | None = None
    revision: Word | None = None
    policy_digest: Word | None = None
    regions: Word | None = None  # "2/3"
    calls: int | None = None
    rollout: Word | None = None
    address: Addresses | None = None  # of SIP in its regions, the first of them
    region_states: Annotated[tuple[RegionState, ...], Field(max_length=200)] = ()
    conditions: Conditions = ()


class VoiceRegionStatus(ContractModel):
    """One region as the operator sees it."""

    observed_generation: int | None = None
    version: Word | None = None  # of its API server
    agents: int | None = None
    calls: int | None = None  # live ones, as its gateways count them
    lost_since: Time | None = None
    conditions: Conditions = ()


class VoicePolicyStatus(ContractModel):
    """A policy as it is proved in every region."""

    observed_generation: int | None = None
    digest: Word | None = None
    short_digest: Word | None = None  # its beginning, for people: 12 hex digits, as in the name of a revision
    conditions: Conditions = ()


class SIPTrunkStatus(ContractModel):
    """A trunk as the operator sees it."""

    observed_generation: int | None = None
    conditions: Conditions = ()
