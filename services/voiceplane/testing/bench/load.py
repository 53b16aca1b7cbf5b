"""Load: the same turns with more and more calls at once, until waits or packets are late; memory and processor."""

import asyncio
import resource
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from voiceplane.testing.bench.caller import Act, Deed, Held, hold_unread, voiced
from voiceplane.testing.bench.line import LATE_MS, lateness_ms
from voiceplane.testing.bench.lines import Goal, Line, of_cases, percentile
from voiceplane.testing.bench.metrics import Counts
from voiceplane.testing.bench.place import VOICES, Effort, Place, Usage
from voiceplane.testing.bench.turns import DIALOGUES, answered, cadence, waits
from voiceplane.testing.phone.codecs import CLOCK_RATE

SURE_STEPS, QUICK_STEPS = (5, 10), (4,)  # goals are set for these: they run whatever breaks
STEPS = (20, 30, 40, 60, 80)  # then until one breaks
WAIT_MS = 600.0  # the goal at 10 calls at once, taken as the breaking point
LATE_SHARE = 0.1  # percent of packets
LOST_SHARE = 5.0  # percent of turns without an answer
APART_S, ALL_UP_S = 0.7, 10.0  # between two calls' beginnings, so that callers are not in step; at most, for all
SETTLED_S, WATCHED_S = 3.0, 10.0  # after the last beginning; the processor's time is taken over the second
TURNS = 5  # a call of 30 s and more: all are up together for 20 s
TALKS = DIALOGUES[1:]  # the first has fewer turns
WATCHED = ("gateway", "speech", "planner", "tools")


@dataclass(slots=True)
class Step:
    """What was seen with a number of calls at once."""

    calls: list[Held]
    idle: Mapping[str, Usage]  # before the first step: what an earlier one left behind would hide growth
    settled: Mapping[str, Usage]  # all are up
    busy: Mapping[str, Usage]  # WATCHED_S later
    seconds: float  # between these two
    cpu_s: float  # of this process in that time: the phones
    change: Counts
    full_ns: tuple[int, int]  # from the last call's beginning to the first one's end
    late: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Work out how late each packet was."""
        self.late = tuple(each for call in self.calls for each in lateness_ms(call.arrivals, CLOCK_RATE))

    def waits(self) -> tuple[float, ...]:
        """Return the waits after turns that ended while all calls were up."""
        return tuple(wait for call in self.calls for deed, wait in waits(call) if self._full(call, deed))

    def _full(self, call: Held, deed: Deed) -> bool:
        return self.full_ns[0] <= call.answered_wall_ns + deed.end_ms * 1e6 <= self.full_ns[1]

    @property
    def cores(self) -> float:
        """Return the cores that all parts use."""
        return sum(self.busy[part].cpu_s - self.settled[part].cpu_s for part in self.busy) / self.seconds

    def broken(self) -> str:
        """Say what broke at this step; empty when nothing did."""
        found = self.waits()
        lost = [not answered(call, index) for call in self.calls for index in range(len(call.deeds))]
        late = 100 * sum(each > LATE_MS for each in self.late) / max(1, len(self.late))
        if any(call.trouble.startswith("no call") for call in self.calls):
            return "a call was refused"
        if not found:
            return "no answered turn while all were up"
        if statistics.median(found) >= WAIT_MS:
            return f"median wait {statistics.median(found):.0f} ms"
        if late >= LATE_SHARE:
            return f"{late:.2g} % of packets late"
        return f"{100 * sum(lost) / len(lost):.0f} % unanswered" if sum(lost) > len(lost) * LOST_SHARE / 100 else ""


async def run(place: Place, effort: Effort) -> list[Line]:
    """Raise the load step by step: through those with a goal, then until something breaks."""
    made: list[Line] = []
    sure = QUICK_STEPS if effort.quick else SURE_STEPS
    turns = 2 if effort.quick else TURNS
    idle = await asyncio.to_thread(place.usage)
    done: dict[int, Step] = {}
    broken: dict[int, str] = {}
    for number in sure if effort.quick else (*sure, *STEPS):
        if broken and number not in sure:
            break
        done[number] = step = await _step(place, number, turns=turns, idle=idle)
        made += lines(step, number)
        if why := step.broken():
            broken[number] = why
        place.tell(f"load: {number} calls at once: {why or 'all is well'}")
    return [*made, *growth(done), capacity(done, broken, place.cores)]


def capacity(done: Mapping[int, Step], broken: Mapping[int, str], cores: int) -> Line:
    """Return how many calls a used core carries at the last step before the first that broke."""
    first = min(broken, default=max(done) + 1)
    held = max((number for number in done if number < first), default=0)
    name = "calls per core that all parts use, at the last step that held"
    why = f"at {first}: {broken[first]}" if broken else f"nothing broke up to {max(done)}"
    if not held:
        return Line(name, "calls", (0.0,), note=why)
    note = f"{held} calls on {done[held].cores:.2f} of {cores} cores, the phones on the same cores besides; {why}"
    return Line(name, "calls", (held / done[held].cores,), note=note)


def growth(done: Mapping[int, Step]) -> list[Line]:
    """Return memory a call of each part as the slope over all steps: what is not given back counts once."""
    if len(done) < 2:
        return []
    numbers = list(done)
    slopes = {
        part: statistics.linear_regression(numbers, [done[number].busy[part].memory_mb for number in numbers]).slope
        for part in WATCHED[:3]
    }
    return [Line(f"memory a call over all steps, {part}", "MB", (slope,)) for part, slope in slopes.items()]


async def _step(place: Place, number: int, *, turns: int, idle: Mapping[str, Usage]) -> Step:
    scripts = []
    for index in range(number):
        dialogue, voice = TALKS[index % len(TALKS)], VOICES[index // len(TALKS) % len(VOICES)]
        scripts.append([Act(kind, words, await voiced(place, words, voice)) for kind, words in dialogue[:turns]])
    apart_s = min(APART_S, ALL_UP_S / number)
    before = await Counts.read(place.metrics)
    ends: list[int] = []

    async def late_caller(index: int) -> Held:
        await asyncio.sleep(index * apart_s)
        held = await hold_unread(place, scripts[index])
        if held.answered_wall_ns:  # a refused call ends at once
            ends.append(held.ended_wall_ns)
        return held

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(late_caller(index), name=f"load {index}") for index in range(number)]
        await asyncio.sleep((number - 1) * apart_s)
        up_ns = place.clock.wall_ns()
        await asyncio.sleep(SETTLED_S)
        began, cpu, settled = place.clock.monotonic(), _own_cpu_s(), await asyncio.to_thread(place.usage)
        await asyncio.sleep(WATCHED_S)
        busy = await asyncio.to_thread(place.usage)
        seconds, cpu = place.clock.monotonic() - began, _own_cpu_s() - cpu
    change = (await Counts.read(place.metrics)).since(before)
    held = [call.result().read() for call in calls]
    return Step(held, idle, settled, busy, seconds, cpu, change, (up_ns, min(ends, default=up_ns)))


def lines(step: Step, number: int) -> list[Line]:
    """Return the table's lines of one step."""
    name = f"{number} calls at once"
    own = tuple(call.record.quality.lateness_p99_ms for call in step.calls if call.record)
    lost = [not answered(call, index) for call in step.calls for index in range(len(call.deeds))]
    p99 = percentile(step.late, 0.99) or 0.0
    cpu = {part: step.busy[part].cpu_s - step.settled[part].cpu_s for part in step.busy}
    shares = ", ".join(f"{part} {100 * used / step.seconds:.0f} %" for part, used in cpu.items() if part in WATCHED)
    grown = {part: (step.busy[part].memory_mb - step.idle[part].memory_mb) / number for part in WATCHED[:3]}
    memory = [
        Line(f"{name}: memory a call over idle before the first step, {part}", "MB", (more,))
        for part, more in grown.items()
    ]
    return [
        Line(
            f"{name}: caller's last sound to agent's first",
            "ms",
            step.waits(),
            goal=Goal(median=WAIT_MS),
            note="all calls up",
        ),
        cadence(step.calls, step.change, name=f"{name}: caller's speech per partial"),
        of_cases(f"{name}: turns without an answer, or cut in on", lost),
        of_cases(
            f"{name}: packets over {LATE_MS:.0f} ms late at the phone",
            [each > LATE_MS for each in step.late],
            Goal(share=LATE_SHARE),
            note=f"p99 {p99:.1f} ms, by the kernel's times of arrival",
        ),
        Line(f"{name}: gateway's own lateness, p99 of each call", "ms", own),
        own_late(step.change, name),
        Line(f"{name}: phones' own sending, worst of a call", "ms", tuple(call.worst_own_ms for call in step.calls)),
        Line(
            f"{name}: cores used, all parts",
            "cores",
            (step.cores,),
            note=f"{shares}; the phones {100 * step.cpu_s / step.seconds:.0f} % besides",
        ),
        *memory,
    ]


def own_late(change: Counts, name: str) -> Line:
    """Return how many packets left late by the pacer's own account: what the phone sees beyond is not the gateway's."""
    sent = change.total("voiceplane_rtp_lateness_seconds_count")
    in_time = change.total("voiceplane_rtp_lateness_seconds_bucket", kind=("le", str(LATE_MS / 1000)))
    cases, count = round(sent - in_time), round(sent)
    return Line(f"{name}: packets that left the gateway over {LATE_MS:.0f} ms late", "", cases=cases, count=count)


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
