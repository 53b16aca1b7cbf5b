"""Every suite by its name, in the order in which they run."""

from voiceplane.testing.bench import answer, backchannels, barge_in, cancel, cutoffs, echo, ledger, load, pacer, turns
from voiceplane.testing.bench.place import Suite

SUITES: dict[str, Suite] = {
    "answer": answer.run,
    "turn": turns.run,
    "barge-in": barge_in.run,
    "backchannels": backchannels.run,
    "echo": echo.run,
    "cutoffs": cutoffs.run,
    "ledger": ledger.run,
    "pacer": pacer.run,
    "cancel": cancel.run,
    "load": load.run,  # last: it breaks something
}
