"""Load: the same turns with more and more calls at once, until waits or packets are late; memory and processor."""

import asyncio
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field

from voiceplane.testing.bench.caller import Act, Held, hold_unread, voiced
from voiceplane.testing.bench.line import LATE_MS, lateness_ms
from voiceplane.testing.bench.lines import Goal, Line, of_cases, percentile
from voiceplane.testing.bench.place import VOICES, Effort, Place, Usage
from voiceplane.testing.bench.turns import DIALOGUES, answered, waits
from voiceplane.testing.phone.codecs import CLOCK_RATE

STEPS, QUICK_STEPS = (5, 10, 20, 30, 40), (4,)
WAIT_MS = 600.0  # the goal at 10 calls at once, taken as the breaking point
LATE_SHARE = 0.1  # percent of packets
LOST_SHARE = 5.0  # percent of turns without an answer
APART_S = 0.7  # between two calls' beginnings: callers do not speak in step
WATCHED = ("gateway", "speech", "planner", "tools")


@dataclass(slots=True)
class Step:
    """What was seen with a number of calls at once."""

    calls: list[Held]
    idle: Mapping[str, Usage]
    busy: Mapping[str, Usage]
    seconds: float
    cpu_s: float  # of this process: the phones
    late: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out how late each packet was."""
        self.late = tuple(each for call in self.calls for each in lateness_ms(call.arrivals, CLOCK_RATE))

    def broken(self) -> str:
        """Say what broke at this step; empty when nothing did."""
        median = Line("", "ms", tuple(wait for call in self.calls for _, wait in waits(call))).median
        lost = [not answered(call, index) for call in self.calls for index in range(len(call.deeds))]
        late = 100 * sum(each > LATE_MS for each in self.late) / max(1, len(self.late))
        if any(call.trouble.startswith("no call") for call in self.calls):
            return "a call was refused"
        if median is None or median > WAIT_MS:
            return f"median wait over {WAIT_MS:.0f} ms"
        if late > LATE_SHARE:
            return f"{late:.2g} % of packets late"
        return f"{100 * sum(lost) / len(lost):.0f} % unanswered" if sum(lost) > len(lost) * LOST_SHARE / 100 else ""


async def run(place: Place, effort: Effort) -> list[Line]:
    """Raise the load step by step, until something breaks."""
    made: list[Line] = []
    held, why = 0, "not reached"
    for number in QUICK_STEPS if effort.quick else STEPS:
        step = await _step(place, number, turns=2 if effort.quick else 4)
        made += lines(step, number)
        broken = step.broken()
        place.tell(f"load: {number} calls at once: {broken or 'all is well'}")
        if broken:
            why = f"at {number}: {broken}"
            break
        held = number
    note = f"{held} on {place.cores} cores with the phones on the same cores; {why}"
    return [*made, Line("calls per core before it breaks", "calls", (held / place.cores,), note=note)]


async def _step(place: Place, number: int, *, turns: int) -> Step:
    scripts = []
    for index in range(number):
        dialogue, voice = DIALOGUES[index % len(DIALOGUES)], VOICES[index % len(VOICES)]
        scripts.append([Act(kind, words, await voiced(place, words, voice)) for kind, words in dialogue[:turns]])
    idle = await asyncio.to_thread(place.usage)
    began, cpu = place.clock.monotonic(), _own_cpu_s()

    async def late_caller(index: int) -> Held:
        await asyncio.sleep(index * APART_S)
        return await hold_unread(place, scripts[index])

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(late_caller(index), name=f"load {index}") for index in range(number)]
        await asyncio.sleep(number * APART_S + 8.0)  # by then all are up
        busy = await asyncio.to_thread(place.usage)
        seconds, cpu = place.clock.monotonic() - began, _own_cpu_s() - cpu
    return Step([call.result().read() for call in calls], idle, busy, seconds, cpu)


def lines(step: Step, number: int) -> list[Line]:
    """Return the table's lines of one step."""
    name = f"{number} calls at once"
    found = tuple(wait for call in step.calls for _, wait in waits(call))
    own = tuple(call.record.quality.lateness_p99_ms for call in step.calls if call.record)
    lost = [not answered(call, index) for call in step.calls for index in range(len(call.deeds))]
    p99 = percentile(step.late, 0.99) or 0.0
    cpu = {part: step.busy[part].cpu_s - step.idle[part].cpu_s for part in step.busy}
    shares = ", ".join(f"{part} {100 * used / step.seconds:.0f} %" for part, used in cpu.items() if part in WATCHED)
    grown = {part: (step.busy[part].memory_mb - step.idle[part].memory_mb) / number for part in WATCHED[:3]}
    memory = [Line(f"{name}: memory a call, {part}", "MB", (more,)) for part, more in grown.items()]
    return [
        Line(f"{name}: caller's last sound to agent's first", "ms", found, goal=Goal(median=WAIT_MS)),
        of_cases(f"{name}: turns without an answer, or cut in on", lost),
        of_cases(
            f"{name}: packets over {LATE_MS:.0f} ms late at the phone",
            [each > LATE_MS for each in step.late],
            Goal(share=LATE_SHARE),
            note=f"p99 {p99:.1f} ms, the phone's own delays are in it",
        ),
        Line(f"{name}: gateway's own lateness, p99 of its pacer", "ms", own),
        Line(f"{name}: phones' own sending, worst of a call", "ms", tuple(call.worst_own_ms for call in step.calls)),
        Line(
            f"{name}: cores used, all parts",
            "cores",
            (sum(cpu.values()) / step.seconds,),
            note=f"{shares}; the phones {100 * step.cpu_s / step.seconds:.0f} % besides",
        ),
        *memory,
    ]


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
