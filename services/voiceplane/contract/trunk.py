"""The SIPTrunk: who may send calls to an agent, for which numbers; and what a gateway is told of it.

The operator opens the region's network for the sources, and gives the gateways the trunks as a file, which they follow.
"""

import ipaddress
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from voiceplane.contract.base import ContractModel, ObjectMeta, ObjectName
from voiceplane.contract.region import Cidr

Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9*#]{2,20}$", max_length=21)]


class Trust(StrEnum):
    """What a gateway believes of who calls, when a trunk's sources say it. It is the number that they vouch for."""

    NONE = "none"
    ASSERTED = "asserted"  # P-Asserted-Identity (RFC 3325): the trunk has authenticated its callers
    ATTESTED = "attested"  # only a number whose signature (STIR/SHAKEN) the trunk has verified


class TrunkIdentity(ContractModel):
    """How far a trunk is trusted about its callers. A number that it vouches for makes the caller identified."""

    trust: Trust = Trust.NONE


class SIPTrunkSpec(ContractModel):
    """One carrier or PBX. The trunks of an agent together name all addresses that its calls may come from."""

    agent_ref: ObjectName
    sources: Annotated[tuple[Cidr, ...], Field(min_length=1, max_length=100)]
    numbers: Annotated[tuple[Number, ...], Field(max_length=1000)] = ()  # that it may call; none: any
    identity: TrunkIdentity = TrunkIdentity()

    @field_validator("sources")
    @classmethod
    def _are_ranges(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            try:
                ipaddress.ip_network(source, strict=False)
            except ValueError as error:
                raise ValueError(f"{source} is not a range of addresses: write it as 192.0.2.0/24") from error
        return sources

    @model_validator(mode="after")
    def _trusts_no_stranger(self) -> Self:
        if self.identity.trust is not Trust.NONE and any(source.endswith("/0") for source in self.sources):
            raise ValueError("a trunk that is trusted names its addresses: a range of /0 is everybody's")
        return self


class TrunkOfAgent(ContractModel):
    """A trunk as a gateway knows it."""

    name: str  # namespace/name
    sources: tuple[Cidr, ...]
    numbers: tuple[Number, ...] = ()
    identity: TrunkIdentity = TrunkIdentity()


class Trunks(ContractModel):
    """All trunks of an agent. Without any, calls may come from anywhere, for any number."""

    closed: bool = False  # the gateway itself keeps other sources out: nothing before it does
    trunks: tuple[TrunkOfAgent, ...] = ()


class SIPTrunk(ContractModel):
    """The custom resource."""

    api_version: Literal["voiceplane.dev/v1alpha1"]
    kind: Literal["SIPTrunk"]
    metadata: ObjectMeta
    spec: SIPTrunkSpec

    def told(self) -> TrunkOfAgent:
        """Return it as a gateway knows it."""
        name, spec = self.metadata.full_name, self.spec
        return TrunkOfAgent(name=name, sources=spec.sources, numbers=spec.numbers, identity=spec.identity)
