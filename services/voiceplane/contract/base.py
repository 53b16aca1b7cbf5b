"""What all contract models share: strict camelCase objects and durations written as people write them."""

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

FROM_YAML = {"from": "yaml"}  # validation context: the value was written by a person
MAX_DURATION_S = 86_400.0
_DURATION = re.compile(r"^([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ContractModel(BaseModel):
    """An object of a custom resource: unknown fields are refused, fields are camelCase in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


def parse_duration(value: Any, *, bare: bool = True) -> float:
    """Turn "300ms", "2s", "5m" or "1h" into seconds; a bare float is seconds where `bare` allows it."""
    if isinstance(value, float) and bare:  # seconds, given by Python code
        seconds = value
    else:
        match = _DURATION.match(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f'write a duration with its unit, such as "300ms" or "2s", not {value!r}')
        seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0.001 <= seconds <= MAX_DURATION_S:
        raise ValueError("a duration is at least 1ms and at most 24h")
    return seconds


def _duration(value: Any, info: ValidationInfo) -> float:
    return parse_duration(value, bare=info.context != FROM_YAML)  # in YAML a number without a unit is a slip


def format_duration(seconds: float) -> str:
    """Write seconds the way the YAML does, in the largest unit that stays whole."""
    milliseconds = round(seconds * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


DURATION_SCHEMA = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)$", "maxLength": 21}
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),  # what a person writes; Python code may pass seconds
]
# The lengths stand beside the patterns because a cluster prices a CEL rule by them.
_LABEL, _NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
_IDENTIFIER = r"^[a-z][a-z0-9_]{0,62}$"
# Where a call can be sent (RFC 3261 section 19.1, RFC 3966). It becomes the Refer-To header: no space, bracket or line
# break, which would start a header of somebody's choice.
TARGET = r"^(sips?:[!#-;=?-~]{1,255}|tel:\+?[().-]{0,4}[0-9*#][0-9*#().-]{0,40}(;[!#-;=?-~]{1,200})?)$"
HTTP, COUNTRY = r"^https?://[^\s]+$", r"^[A-Z]{2}$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
CIDR, HOST_PORT = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", r"^[A-Za-z0-9.\[\]:-]+:[0-9]{1,5}$"
# What a person should have written, for those who read no regular expressions.
EXPECTED = {
    _LABEL: "expected a name of a-z, 0-9 and -, at most 63 characters, such as track-parcel",
    _NAME: "expected a name of a-z, 0-9, - and ., such as parcel-desk",
    _IDENTIFIER: "expected a name of a-z, 0-9 and _ that begins with a letter, such as parcel_number",
    TARGET: "expected a sip:, sips: or tel: address, such as sip:queue@pbx.example or tel:+15550100",
    HTTP: "expected an address that begins with http:// or https://",
    QUANTITY: "expected an amount as Kubernetes writes it, such as 500m, 2 or 2Gi",
    CIDR: "expected a range of addresses, such as 192.0.2.0/24",
    HOST_PORT: "expected a host and its port, such as records.example:9002",
    COUNTRY: "expected a country by its two capital letters (ISO 3166), such as US",
}
DnsLabel = Annotated[str, StringConstraints(pattern=_LABEL, max_length=63)]
Identifier = Annotated[str, StringConstraints(pattern=_IDENTIFIER, max_length=63)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
CallTarget = Annotated[str, StringConstraints(pattern=TARGET, max_length=260)]


class ObjectMeta(ContractModel):
    """The part of Kubernetes' metadata that a laptop knows; the rest is accepted and ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, StringConstraints(pattern=_NAME)]
    namespace: DnsLabel = "default"

    @property
    def full_name(self) -> str:
        """Name the object as namespace/name."""
        return f"{self.namespace}/{self.name}"


class ObjectName(ContractModel):
    """A reference to an object of the same namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
