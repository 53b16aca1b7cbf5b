"""What each part's pods ask for in a region, and how many pods of speech so many calls need. Read by region."""

from typing import Annotated

from pydantic import Field, StringConstraints

from voiceplane.contract.base import QUANTITY, ContractModel

Quantity = Annotated[str, StringConstraints(pattern=QUANTITY, max_length=20)]
MOST_REPLICAS = 1000  # of one part
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
TEN_CALLS_MILLICORES = 1400  # of speech, measured with callers that do not wait too long (docs/benchmarks.md)
_UNITS = {"m": 1, "k": 10**6, "M": 10**9, "G": 10**12, "T": 10**15}
_UNITS |= {"Ki": 1000 * 2**10, "Mi": 1000 * 2**20, "Gi": 1000 * 2**30, "Ti": 1000 * 2**40}


class Size(ContractModel):
    """What one pod asks for. Memory is also its limit; the processor has none, because throttling is heard."""

    cpu: Quantity = "250m"
    memory: Quantity = "512Mi"
    gpu: Annotated[int, Field(ge=0, le=16)] = 0  # nvidia.com/gpu


class GatewaySize(Size):
    """What a gateway's pod asks for; how many there are follows from the calls.

    As much processor as a speech pod: where a node is full, this is its weight against the models (adr/0003).
    """

    cpu: Quantity = "1"


class SpeechSize(Size):
    """What a pod of the speech models asks for, and how many there are: left out, as many as an agent's calls need.

    calls: that one pod carries; left out, 10 for each 1.4 of its cores, of one core at least. What a GPU carries nobody
    has measured here: with one, and no calls, there is one pod.
    """

    cpu: Quantity = "1"
    memory: Quantity = "2Gi"
    replicas: Replicas | None = None
    calls: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @property
    def calls_a_pod(self) -> int | None:
        """Return how many calls one pod carries; None when that is not known."""
        if self.calls is not None or self.gpu:
            return self.calls
        return max(1000, millicores(self.cpu)) * 10 // TEN_CALLS_MILLICORES  # who asks for less takes what is free

    def needed(self, calls: int) -> int:
        """Return how many pods so many calls need, as far as that is known."""
        each = self.calls_a_pod
        return 1 if each is None else max(1, -(-calls // each))

    def pods(self, calls: int) -> int:
        """Return how many pods there are for an agent with so many calls."""
        return self.needed(calls) if self.replicas is None else self.replicas


class PlannerSize(Size):
    """What a planner's pod asks for."""

    cpu: Quantity = "500m"
    memory: Quantity = "2Gi"
    replicas: Replicas = 1


class ToolsSize(Size):
    """What a tool gateway's pod asks for."""

    cpu: Quantity = "100m"
    memory: Quantity = "256Mi"
    replicas: Replicas = 1


class Sizes(ContractModel):
    """The size of each part, what is left out by the part's own default; the gateway's count follows from the calls."""

    gateway: GatewaySize = GatewaySize()
    speech: SpeechSize = SpeechSize()
    planner: PlannerSize = PlannerSize()
    tools: ToolsSize = ToolsSize()


def millicores(cpu: str) -> int:
    """Return a quantity of processor in thousandths of a core."""
    unit = cpu.lstrip("0123456789.")
    return int(float(cpu.removesuffix(unit)) * _UNITS.get(unit, 1000))
