"""The SIPTrunk: who may send calls to an agent, for which numbers; and what a gateway is told of it.

The operator opens the region's network for the sources, and gives the gateways the trunks as a file, which they follow.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from voiceplane.contract.base import ContractModel, ObjectMeta, ObjectName
from voiceplane.contract.region import Cidr

Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9*#]{2,20}$", max_length=21)]


class SIPTrunkSpec(ContractModel):
    """One carrier or PBX. The trunks of an agent together name all addresses that its calls may come from."""

    agent_ref: ObjectName
    sources: Annotated[tuple[Cidr, ...], Field(min_length=1, max_length=100)]
    numbers: Annotated[tuple[Number, ...], Field(max_length=1000)] = ()  # that it may call; none: any


class TrunkOfAgent(ContractModel):
    """A trunk as a gateway knows it."""

    name: str  # namespace/name
    sources: tuple[Cidr, ...]
    numbers: tuple[Number, ...] = ()


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
