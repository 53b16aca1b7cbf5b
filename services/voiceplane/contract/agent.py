"""The VoiceAgent: what a designer writes and every stage reads. One source for YAML, CRD and services."""

import string
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from voiceplane.contract.barge_in import BargeIn
from voiceplane.contract.base import (
    COUNTRY,
    CallTarget,
    ContractModel,
    DnsLabel,
    Duration,
    Identifier,
    ObjectMeta,
    ObjectName,
    Sentence,
    format_duration,
)
from voiceplane.contract.tool import CALLER_NUMBER, HttpUrl, Tool

API_VERSION = "voiceplane.dev/v1alpha1"
# What `placeholders` takes, as a pattern for whoever has no Python: {name}, {{ and }}, and no brace alone. Which names
# there are it does not know.
BRACES = r"^([^{}]|\{\{|\}\}|\{[^{}\s!:.\[\]-]+:?\})*$"

Mode = Literal["cloud", "region-local", "on-prem"]
Country = Annotated[str, StringConstraints(pattern=COUNTRY, max_length=2)]  # ISO 3166-1 alpha-2


class SlotType(StrEnum):
    """What kind of answer a slot holds; each has a reader of its own in the flow planner."""

    DIGITS = "digits"
    DATE = "date"
    NAME = "name"
    CHOICE = "choice"
    YES_NO = "yes-no"


class Slot(ContractModel):
    """One thing the agent has to learn from the caller before it can act."""

    name: Identifier
    type: SlotType
    ask: Sentence
    length: Annotated[int, Field(ge=1, le=32)] | None = None
    choices: Annotated[tuple[Sentence, ...], Field(max_length=50)] = ()
    confirm: bool = False

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.name == CALLER_NUMBER:
            raise ValueError(f"{CALLER_NUMBER} is the number that a trunk vouches for, and no answer of a caller")
        if self.type is SlotType.CHOICE and len(self.choices) < 2:
            raise ValueError("a slot of type choice needs at least two choices")
        if self.type is not SlotType.CHOICE and self.choices:
            raise ValueError(f"choices go with type choice, not {self.type.value}")
        if self.type is not SlotType.DIGITS and self.length is not None:
            raise ValueError(f"length goes with type digits, not {self.type.value}")
        return self


class Intent(ContractModel):
    """Something a caller may want: how it is said, what must be known, what is done and what is answered."""

    name: DnsLabel
    examples: Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=200)]
    slots: Annotated[tuple[Slot, ...], Field(max_length=20)] = ()
    tool: DnsLabel | None = None
    reply: Sentence
    confirm: Sentence | None = None  # asked, and answered yes, before the tool runs; may name slots
    then: Literal["listen", "hang-up", "transfer"] = "listen"

    @property
    def only_tells(self) -> bool:
        """Say whether it needs and does nothing but its reply."""
        return self.tool is None and not self.slots and self.confirm is None and self.then == "listen"

    def slot(self, name: str) -> Slot:
        """Return a slot by its name; KeyError when there is none."""
        return {slot.name: slot for slot in self.slots}[name]


class Voice(ContractModel):
    """Which speech profile the agent runs on and which of its voices speaks."""

    profile: DnsLabel = "cpu-small"
    name: DnsLabel = "joe"
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0


class FlowPlanner(ContractModel):
    """The deterministic planner: sentence embeddings over the examples, slots and replies of the VoiceAgent."""


class ModelPlanner(ContractModel):
    """Free conversation by a language model behind an OpenAI-compatible endpoint."""

    endpoint: HttpUrl
    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    credential_ref: ObjectName | None = None
    max_tokens: Annotated[int, Field(ge=16, le=4096)] = 256
    timeout: Duration = 8.0  # of a whole reply; what was said by then is kept
    first_token: Duration = 1.0  # longest wait for the first words; then the flow planner answers
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.2
    instructions: Annotated[str, StringConstraints(max_length=8000)] = ""

    @property
    def first_phrase(self) -> float:
        """Return the longest wait in seconds for a whole phrase, or a function call: a dozen tokens after the first."""
        return 1.8 * self.first_token


class Planner(ContractModel):
    """Exactly one of flow and model."""

    flow: FlowPlanner | None = None
    model: ModelPlanner | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.flow is None) == (self.model is None):
            raise ValueError("name exactly one planner: flow or model")
        return self


class Escalation(ContractModel):
    """When and where a person takes the call."""

    target: CallTarget
    on_unsure: Annotated[int, Field(ge=1, le=10)] = 2  # turns in a row not understood
    on_request: bool = True
    on_tool_failure: bool = False
    say: Sentence = "I will connect you with a colleague. One moment, please."


class Silence(ContractModel):
    """What happens when the caller says nothing."""

    ask_after: Duration = 6.0
    asks: Annotated[int, Field(ge=0, le=5)] = 2
    ask: Sentence = "Are you still there?"
    goodbye: Sentence = "I cannot hear you, so I will end the call now. Goodbye."


class Phrases(ContractModel):
    """Constant sentences of the agent; each is synthesized once and cached."""

    unsure: Sentence = "Sorry, I did not understand that. Could you say it another way?"
    anything_else: Sentence = "Is there anything else I can help with?"
    bridge: Sentence = "One moment, please."
    progress: Sentence = "I am still waiting for the answer."
    late: Sentence = "I have the answer to your earlier question now."
    tool_failed: Sentence = "I am sorry, I cannot look that up right now."
    tool_refused: Sentence = "I am sorry, I am not able to do that on this call."
    goodbye: Sentence = "Thank you for calling. Goodbye."
    trouble: Sentence = "I am having a technical problem. Please bear with me."
    unable: Sentence = "I am sorry, I cannot go on because of a technical problem."
    unreachable: Sentence = "I am sorry, nobody could be reached just now."


class Placement(ContractModel):
    """Where the agent may run and how many calls it must be able to hold."""

    modes: Annotated[tuple[Mode, ...], Field(min_length=1, max_length=3)] = ("cloud", "region-local", "on-prem")
    residency: Annotated[tuple[Country, ...], Field(max_length=50)] = ()
    capacity: Annotated[int, Field(ge=1, le=100_000)] = 10


class Objectives(ContractModel):
    """The caller's waiting time: last sound of the caller to first sound of the agent."""

    turn_p50: Duration = Field(default=0.3, alias="turnP50")
    turn_p95: Duration = Field(default=0.8, alias="turnP95")

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.turn_p50 > self.turn_p95:
            half, most = format_duration(self.turn_p50), format_duration(self.turn_p95)
            raise ValueError(
                f"turnP50 ({half}) is above turnP95 ({most}): half of the turns cannot be slower than 95 % are"
            )
        return self


class Rollout(ContractModel):
    """How a new revision comes: by regions, so many that they hold this share of the calls in percent, step by step.

    maxUnavailable: gateways that may be missing while those of one revision are replaced, as after a change of image.
    """

    steps: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1, max_length=10)] = (5, 25, 100)
    max_unavailable: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if list(self.steps) != sorted(self.steps):
            raise ValueError("the shares of rollout.steps rise: 5, 25, 100")
        return self


class VoiceAgentSpec(ContractModel):
    """The dialogue, tools, voice, policy and placement of one agent."""

    language: Literal["en-US", "en-GB"] = "en-US"
    opening: Sentence
    voice: Voice = Voice()
    planner: Planner = Planner(flow=FlowPlanner())
    intents: Annotated[tuple[Intent, ...], Field(min_length=1, max_length=200)]
    tools: Annotated[tuple[Tool, ...], Field(max_length=100)] = ()
    escalation: Escalation | None = None
    silence: Silence = Silence()
    barge_in: BargeIn = BargeIn()
    hints: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=40)], ...], Field(max_length=12)
    ] = ()
    phrases: Phrases = Phrases()
    policy_ref: ObjectName | None = None
    placement: Placement = Placement()
    objectives: Objectives = Objectives()
    rollout: Rollout = Rollout()

    def texts(self) -> tuple[str, ...]:
        """Return all that a designer lets the agent say, as written: templates with their braces."""
        intents = self.intents
        asks = [slot.ask for intent in intents for slot in intent.slots]
        replies = [text for intent in intents for text in (intent.reply, intent.confirm) if text]
        escalation = [self.escalation.say] if self.escalation is not None else []
        silence = [self.silence.ask, self.silence.goodbye]
        return (self.opening, *self.phrases.model_dump().values(), *silence, *asks, *escalation, *replies)

    def intent(self, name: str) -> Intent:
        """Return an intent by its name; KeyError when there is none."""
        return {intent.name: intent for intent in self.intents}[name]

    def tool(self, name: str) -> Tool:
        """Return a tool by its name; KeyError when there is none."""
        return {tool.name: tool for tool in self.tools}[name]


class VoiceAgent(ContractModel):
    """The custom resource."""

    api_version: Literal["voiceplane.dev/v1alpha1"]
    kind: Literal["VoiceAgent"]
    metadata: ObjectMeta
    spec: VoiceAgentSpec


def placeholders(template: str) -> tuple[str, ...]:
    """Return the names in braces of a reply, URL or question, in order; ValueError on anything but {name} and {{."""
    names = []
    for _, name, specification, conversion in string.Formatter().parse(template):
        if specification or conversion:
            raise ValueError("a name in braces takes no format")
        if name is not None:
            names.append(name)
    return tuple(names)
