"""Every suite by its name, in the order in which they run."""

from voiceplane.testing.bench import answer, turns
from voiceplane.testing.bench.place import Suite

SUITES: dict[str, Suite] = {
    "answer": answer.run,
    "turn": turns.run,
}
