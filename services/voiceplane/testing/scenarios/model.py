"""What a scenario file says: calls, the caller's steps, what must come of them. Read by load.py."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from voiceplane.call.ending import REASONS
from voiceplane.contract.base import Duration, parse_duration

_UNSAYABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # XML, so JUnit, has no place for them


def _sayable(value: str) -> str:
    if _UNSAYABLE.search(value):
        raise ValueError("a sign that nobody can say or print")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True), AfterValidator(_sayable)]
Milliseconds = Annotated[int, Field(ge=1, le=600_000)]
VOICES = ("rms", "slt", "awb", "kal")  # flite's; none of them is an agent's voice
_AFTER = re.compile(r"^(?:agent (?P<edge>start|end)(?: ?\+ ?(?P<plus>\S+))?|(?P<alone>\S+))\Z")


class ScenarioModel(BaseModel):
    """A part of the file: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Anchor(StrEnum):
    """What a step waits for."""

    AGENT_START = "agent start"
    AGENT_END = "agent end"
    STEP = "previous step"


@dataclass(frozen=True, slots=True)
class After:
    """When a step begins: so many seconds after an event."""

    anchor: Anchor
    offset_s: float = 0.0


def _after(value: Any) -> Any:
    if isinstance(value, After):
        return value
    found = _AFTER.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write "agent end", "agent start", "agent start + 600ms" or a pause such as "900ms"')
    if found["alone"]:
        return After(Anchor.STEP, parse_duration(found["alone"], bare=False))
    anchor = Anchor.AGENT_START if found["edge"] == "start" else Anchor.AGENT_END
    return After(anchor, parse_duration(found["plus"], bare=False) if found["plus"] else 0.0)


def _reason(value: str) -> str:
    known = [end.reason for end in REASONS]
    if value not in known:
        raise ValueError(f"no call ends by {value!r}; write one of {', '.join(known)}")
    return value


def _keys(value: str) -> str:
    if not re.fullmatch(r"[0-9*#A-D]{1,64}", value):
        raise ValueError("write up to 64 keys of 0-9, *, # and A-D, in quotes")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Sentences = Annotated[tuple[Text, ...], BeforeValidator(_listed)]


class ToolExpectation(ScenarioModel):
    """A tool that must have run. `times` counts the attempts that ended with `outcome`."""

    name: Text
    outcome: Literal["ok", "refused", "invalid-arguments", "timed-out", "failed", "invalid-result"] = "ok"
    times: Annotated[int, Field(ge=1, le=100)] | None = None  # at least once where it is not said


Tools = Annotated[
    tuple[Annotated[ToolExpectation, BeforeValidator(_named)], ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str | dict) else value),
]


class Absent(ScenarioModel):
    """What must not happen."""

    heard: Sentences = ()
    tools: Sentences = ()


class StepExpectation(ScenarioModel):
    """What must come of one step: in the agent's speech from the step's begin to the next step."""

    heard: Sentences = ()
    absent: Sentences = ()
    within_ms: Milliseconds | None = None  # caller's last sound to agent's first; with `agent: stops` first to silent
    agent: Literal["stops", "goes on"] | None = None  # for a step that begins while the agent speaks


class Expectation(ScenarioModel):
    """What must come of the whole call."""

    heard: Sentences = ()
    tools: Tools = ()
    outcome: Literal["completed", "transferred", "abandoned", "failed"] | None = None
    end: Annotated[Text, AfterValidator(_reason)] | None = None  # the record's end reason, such as caller-hung-up
    transferred_to: Text | None = None
    within_ms: Milliseconds | None = None  # every wait of the caller
    absent: Absent = Absent()


class Step(ScenarioModel):
    """One thing that the caller does: exactly one of say, play, dtmf, silence and hang_up."""

    say: Text | None = None
    play: Text | None = None  # a 16-bit WAV file, relative to the scenario file
    dtmf: Annotated[str, AfterValidator(_keys)] | None = None
    silence: Duration | None = None
    hang_up: Literal[True] | None = None
    after: Annotated[After, BeforeValidator(_after)] | None = None
    expect: StepExpectation = StepExpectation()

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        done = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(done) != 1:
            raise ValueError(
                f"a step does one thing of {', '.join(ACTIONS)}; this one names {', '.join(done) or 'none'}"
            )
        if self.expect.agent is not None and not self.sounds:
            raise ValueError("expect.agent is for a step with sound: say or play")
        return self

    @property
    def sounds(self) -> bool:
        """Say whether the caller speaks in this step."""
        return self.say is not None or self.play is not None

    @property
    def begins(self) -> After:
        """Return when the step begins; by default when the agent has finished."""
        return self.after or After(Anchor.AGENT_END)

    @property
    def words(self) -> str:
        """Write the step for people."""
        if self.say is not None:
            return self.say
        if self.play is not None:
            return f"plays {self.play}"
        if self.dtmf is not None:
            return f"presses {self.dtmf}"
        return "hangs up" if self.hang_up else f"is silent for {self.silence:g} s"


ACTIONS = ("say", "play", "dtmf", "silence", "hang_up")


class Scenario(ScenarioModel):
    """One call."""

    name: Text
    voice: Literal["rms", "slt", "awb", "kal"] | None = None
    codec: Literal["PCMU", "PCMA", "G722"] = "PCMU"
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)]
    expect: Expectation = Expectation()

    @model_validator(mode="after")
    def _hangs_up_last(self) -> Self:
        if any(step.hang_up for step in self.steps[:-1]):
            raise ValueError("hang_up ends the call: it can only be the last step")
        return self

    def is_answered(self, index: int) -> bool:
        """Say whether the caller waits for the agent after a step, so that the wait can be measured."""
        step = self.steps[index]
        if step.silence is not None or step.hang_up or step.expect.agent == "goes on":
            return False
        return index + 1 == len(self.steps) or self.steps[index + 1].begins.anchor is not Anchor.STEP


ParcelNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]


class Parcels(ScenarioModel):
    """How the parcel system of the examples behaves, where the run starts it."""

    slow: Annotated[dict[ParcelNumber, Duration], Field(max_length=50)] = {}  # how long it takes over a parcel


class ScenarioFile(ScenarioModel):
    """The whole file."""

    agent: Text | None = None  # the agent's YAML, relative to this file
    parcels: Parcels = Parcels()
    voice: Literal["rms", "slt", "awb", "kal"] = "rms"
    patience: Duration = 20.0  # longest wait for the agent
    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1, max_length=500)]
