"""Answer time: INVITE to 200, and to the agent's first sound. Short calls, one after another."""

import numpy as np

from voiceplane.testing.bench.caller import Act, After, Held, hold
from voiceplane.testing.bench.lines import Goal, Line, of_cases
from voiceplane.testing.bench.place import Effort, Place

LISTEN_S = 1.0


async def run(place: Place, effort: Effort) -> list[Line]:
    """Call, listen to the beginning, hang up."""
    listen = Act("listen", "", np.zeros(0, dtype=np.int16), After.AGENT_START, LISTEN_S)
    calls = [await hold(place, [listen], hear_out=False) for _ in range(effort.pick(20, 5))]
    place.tell(f"answer: {len(calls)} calls")
    return lines(calls)


def lines(calls: list[Held]) -> list[Line]:
    """Return the table's lines."""
    good = [call.answered_after_ms is not None and bool(call.agent_sounds) for call in calls]
    answered = [call for call, well in zip(calls, good, strict=True) if well]
    before = tuple(call.answered_after_ms or 0.0 for call in answered)
    first = tuple(wait + call.agent_sounds[0].start_ms for wait, call in zip(before, answered, strict=True))
    return [
        Line("INVITE to 200", "ms", before),
        Line("INVITE to the agent's first sound", "ms", first),
        of_cases("calls not answered", [not well for well in good], Goal(share=0)),
    ]
