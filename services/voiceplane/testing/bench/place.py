"""What the suites run against, and how much: a running stack seen from outside. Made by cli.bench_place."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from voiceplane.contract.audio import Pcm
from voiceplane.runtime.clock import Clock, SystemClock
from voiceplane.speech.ports import LargerRecognizer, Recognizer, Synthesizer
from voiceplane.testing.bench.lines import Line

Speak = Callable[[str, str], Awaitable[Pcm]]  # words and the voice's name
VOICES = ("rms", "slt", "awb", "kal")  # of flite: two men and a woman recorded, one made by rule; none is the agent's


@dataclass(frozen=True, slots=True)
class Usage:
    """What a part of the stack uses, over all its processes."""

    memory_mb: float  # resident
    cpu_s: float  # since it began


@dataclass(frozen=True, slots=True)
class Place:
    """A stack and the means to observe it."""

    sip: str
    records: str  # HOST:PORT
    recognizer: Recognizer
    synthesizer: Synthesizer
    speak: Speak
    metrics: Callable[[], Awaitable[str]]  # the gateway's page of metrics
    usage: Callable[[], Mapping[str, Usage]]  # by part
    tell: Callable[[str], None]
    cores: int
    clock: Clock = SystemClock()
    speech_http: str = ""  # HOST:PORT of Triton's own pages
    second_ear: LargerRecognizer | None = None  # a larger recognizer, where the agent's speech profile has one


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `full` by default; `quick` ends everything in a few minutes; `runs` multiplies."""

    quick: bool = False
    runs: int = 1

    def pick(self, full: int, quick: int) -> int:
        """Return a number of cases."""
        return quick if self.quick else full * self.runs


Suite = Callable[[Place, Effort], Awaitable[list[Line]]]
