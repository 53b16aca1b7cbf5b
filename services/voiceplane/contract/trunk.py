"""The SIPTrunk: who may send calls to an agent. Read by the operator, which opens the region's network for it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from voiceplane.contract.base import ContractModel, ObjectMeta, ObjectName
from voiceplane.contract.region import Cidr

Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9*#]{2,20}$", max_length=21)]


class SIPTrunkSpec(ContractModel):
    """One carrier or PBX. The trunks of an agent together name all addresses that its calls may come from."""

    agent_ref: ObjectName
    sources: Annotated[tuple[Cidr, ...], Field(min_length=1, max_length=100)]
    numbers: Annotated[tuple[Number, ...], Field(max_length=1000)] = ()  # for people and placement


class SIPTrunk(ContractModel):
    """The custom resource."""

    api_version: Literal["voiceplane.dev/v1alpha1"]
    kind: Literal["SIPTrunk"]
    metadata: ObjectMeta
    spec: SIPTrunkSpec
