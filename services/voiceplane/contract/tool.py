"""A VoiceAgent's tools: what other system is called, for whom, and what its success proves. Part of contract.agent."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from voiceplane.contract.authentication import Authentication
from voiceplane.contract.base import HTTP, ContractModel, DnsLabel, Duration

CALLER_NUMBER = "caller_number"  # the argument by which a tool is given it
HttpUrl = Annotated[str, StringConstraints(pattern=HTTP, max_length=2008)]


class HttpBackend(ContractModel):
    """A tool behind HTTP. Names in braces are filled from the arguments, percent-encoded."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: HttpUrl
    body: dict[str, str] | None = None  # JSON body; values may name arguments in braces


class McpBackend(ContractModel):
    """A tool behind a Model Context Protocol server (streamable HTTP)."""

    url: HttpUrl
    tool: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    read_only: bool = False  # it changes nothing, however often it runs


class Tool(ContractModel):
    """A call to another system, allowed only for the intents that name it."""

    name: DnsLabel
    http: HttpBackend | None = None
    mcp: McpBackend | None = None
    requires: Authentication = Authentication.NONE
    grants: Authentication = Authentication.NONE  # its success proves who calls: it checks a number, a PIN
    caller_number: bool = False  # it is given the number that a trunk vouches for, and runs only with one
    timeout: Duration = 2.0
    idempotent: bool = False
    speculative: bool = False  # may run before the caller's turn is over; only a tool that reads, and idempotent
    retries: Annotated[int, Field(ge=0, le=5)] = 1  # used only when idempotent
    arguments: dict[str, Any] | None = None  # JSON Schema; by default every slot of the intent, as text
    result: dict[str, Any] | None = None  # JSON Schema of the result; by default any JSON object
    max_result_bytes: Annotated[int, Field(ge=64, le=1_048_576)] = 16_384

    @model_validator(mode="after")
    def _has_one_backend(self) -> Self:
        if (self.http is None) == (self.mcp is None):
            raise ValueError("a tool has exactly one backend: http or mcp")
        if self.speculative and not self.idempotent:
            raise ValueError("a speculative tool must be idempotent: it may run for words that the caller takes back")
        if self.speculative and not self.reads_only:
            raise ValueError("a speculative tool may only read: http with method GET, or mcp with readOnly: true")
        if self.grants is not Authentication.NONE and (self.speculative or self.requires.covers(self.grants)):
            raise ValueError("a tool that grants a level requires a lower one, and is not speculative")
        return self

    @property
    def reads_only(self) -> bool:
        """Say whether running it changes nothing: it may be begun in doubt, and left."""
        return self.http.method == "GET" if self.http is not None else self.mcp is not None and self.mcp.read_only
