"""Sweep the turn machine's parameters over recorded facts: false cut-offs against delay. Pure, in virtual time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from voiceplane.testing.bench.lines import percentile
from voiceplane.testing.bench.turn_facts import reading_of
from voiceplane.testing.bench.turn_kept import Facts
from voiceplane.turn.events import (
    AgentFinished,
    EndTurn,
    Event,
    PauseJudged,
    Retracted,
    SpeechResumed,
    Tick,
    WordsRead,
)
from voiceplane.turn.gate import SpeechPaused, SpeechStarted
from voiceplane.turn.machine import TurnState, advance
from voiceplane.turn.parameters import Patience, Sureness, TurnParameters
from voiceplane.turn.reading import Reading

TICK_S = 0.02  # a frame
SCALES = (0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
DONE, SURE = (0.3, 0.5, 0.7), (0.7, 0.85, 0.95)
GOING_ON_S, DOUBTFUL_S = (0.3, 0.5, 0.7, 0.85, 1.0), (0.16, 0.3, 0.45, 0.6, 0.8)
WANTED_SHARE = 5.0  # percent of false cut-offs


@dataclass(frozen=True, slots=True)
class End:
    """What the machine made of one recording."""

    part: str
    kind: str
    cut_off: bool
    delay_s: float  # from the last sound to the turn's end
    taken_back: int  # ends that were taken back because the caller went on in time
    offset: int = 0  # of the recording


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried: all of the table stretched, the turn model's thresholds, and the waits of two doubts."""

    scale: float
    done_probability: float
    sure_probability: float
    going_on_s: float  # complete words, while the turn model is nearly sure of more
    doubtful_s: float  # complete words of whose last the recognizer is not sure

    @staticmethod
    def of(parameters: TurnParameters) -> "Setting":
        """Return what these parameters have."""
        return Setting(
            1.0,
            parameters.done_probability,
            parameters.sure_probability,
            parameters.patience[Reading.COMPLETE, Sureness.GOING_ON],
            parameters.patience[Reading.DOUBTFUL, Sureness.SURE],
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One set of parameters and what came of it over all recordings."""

    setting: Setting
    ends: tuple[End, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the sets that the recordings are from."""
        return tuple(dict.fromkeys(end.part for end in self.ends))

    def share(self, kind: str = "", *, part: str = "") -> float:
        """Return false cut-offs in percent, of one kind and one set where they are given."""
        chosen = [end.cut_off for end in self.ends if kind in ("", end.kind) and part in ("", end.part)]
        return 100.0 * sum(chosen) / len(chosen) if chosen else 0.0

    def delay_ms(self, share: float = 0.5, kind: str = "") -> float:
        """Return a percentile of the delay; a turn that was cut off counts as none, else impatience would look slow."""
        found = [1000 * max(0.0, end.delay_s) for end in self.ends if kind in ("", end.kind)]
        return percentile(found, share) or 0.0


def changed(parameters: TurnParameters, setting: Setting) -> TurnParameters:
    """Put a setting in: the waits of doubts, then all stretched; the longest pauses only get longer."""
    scale = setting.scale
    patience = {key: seconds * scale for key, seconds in _doubts(parameters.patience, setting).items()}
    return replace(
        parameters,
        patience=patience,
        done_probability=setting.done_probability,
        sure_probability=setting.sure_probability,
        max_pause_s=parameters.max_pause_s * max(1.0, scale),
        digits_max_pause_s=parameters.digits_max_pause_s * scale,
        unread_s=parameters.unread_s * scale,
        lacking_in_one_breath_s=parameters.lacking_in_one_breath_s * scale,
    )


def _doubts(patience: Patience, setting: Setting) -> Patience:
    """Move the waits of both doubts; none is shorter than without the doubt, and two doubts wait for the longer."""
    complete, doubtful = Reading.COMPLETE, Reading.DOUBTFUL
    table = patience | {(complete, Sureness.GOING_ON): setting.going_on_s}
    moved_s = setting.doubtful_s - patience[doubtful, Sureness.SURE]
    for sureness in Sureness:
        table[doubtful, sureness] = max(patience[doubtful, sureness] + moved_s, table[complete, sureness])
    return table


def sweep(facts: Sequence[Facts], parameters: TurnParameters) -> tuple[Point, ...]:
    """Try every scale of patience with every pair of thresholds, every pair of the doubts' waits, and those in use."""
    used = Setting.of(parameters)
    stretched = (
        replace(used, scale=scale, done_probability=done, sure_probability=sure)
        for done in DONE
        for sure in SURE
        for scale in SCALES
    )
    doubts = (replace(used, going_on_s=going, doubtful_s=doubtful) for going in GOING_ON_S for doubtful in DOUBTFUL_S)
    sets = dict.fromkeys([used, *stretched, *doubts])
    return tuple(Point(each, tuple(judge(one, changed(parameters, each)) for one in facts)) for each in sets)


def in_use(points: Sequence[Point]) -> Point:
    """Return the point of the parameters in use."""
    return points[0]


def recommended(points: Sequence[Point]) -> Point | None:
    """Return the point with the shortest wait among those with few enough cut-offs in every set; None without one."""
    good = [point for point in points if all(point.share(part=part) < WANTED_SHARE for part in point.parts)]
    return min(good, key=lambda point: (point.delay_ms(), point.delay_ms(0.95)), default=None)


def judge(facts: Facts, parameters: TurnParameters) -> End:
    """Run the machine over one recording until its turn's end stands.

    As in a call, the end is taken back while nothing was given to the voice, and no longer: with the words read and the
    planner's reply there, as a speculation has them, that is at once.
    """
    state, _ = advance(TurnState(digits=facts.digits), AgentFinished(0.0), parameters)
    ended: EndTurn | None = None
    taken_back = 0
    for at, event in _timeline(facts):
        if ended is not None and at >= _spoken_at(ended, facts):
            break
        state, actions = advance(state, event, parameters)
        for action in actions:
            if isinstance(action, EndTurn):
                ended = action
            elif isinstance(action, SpeechResumed):
                state, _ = advance(state, Retracted(action.at), parameters)
                ended, taken_back = None, taken_back + 1
    ended_at = facts.total_s if ended is None else ended.at
    return End(facts.part, facts.kind, ended_at < facts.end_s, ended_at - facts.end_s, taken_back, facts.offset)


def _spoken_at(ended: EndTurn, facts: Facts) -> float:
    """Return when the reply's first phrase is given to the voice: the turn is over, words and reply are there."""
    if not 0 < ended.pause <= len(facts.pauses):
        return ended.at
    pause = facts.pauses[ended.pause - 1]
    return max(ended.at, pause.noticed_s + pause.read_after_s)


def _timeline(facts: Facts) -> Iterator[tuple[float, Event]]:
    """Yield the events of a recording when and in the order in which a call would see them."""
    events: list[tuple[float, int, Event]] = [(noticed, 0, SpeechStarted(since)) for noticed, since in facts.starts_s]
    for number, pause in enumerate(facts.pauses, start=1):
        judged, known = pause.noticed_s + pause.judged_after_s, pause.noticed_s + pause.read_after_s
        events.append((pause.noticed_s, 1, SpeechPaused(pause.noticed_s, pause.since_s)))
        events.append((judged, 2, PauseJudged(judged, number, pause.probability)))
        events.append((known, 2, WordsRead(known, number, reading_of(pause, facts))))
    ticks, sounds = int(facts.total_s / TICK_S), {round(at / TICK_S) for at in facts.sounds_s}
    events += [(tick * TICK_S, 3, Tick(tick * TICK_S, tick in sounds)) for tick in range(ticks + 1)]
    yield from ((at, event) for at, _, event in sorted(events, key=lambda each: each[:2]))


def table(points: Sequence[Point]) -> str:
    """Write the sweep as a Markdown table: the points that no other beats, those in use and recommended marked.

    Of points that come to the same the first stands for all.
    """
    best, now = recommended(points), in_use(points)
    told: set[tuple[float, float, float]] = set()
    parts = now.parts
    heads = [
        "patience",
        "done at",
        "sure at",
        "more to come",
        "last word",
        "false cut-offs",
        "of digits",
        "of hesitations",
    ]
    heads += [*(f"of the {part} set" for part in parts), "delay median", "p95", "fluent", "taken back", ""]
    rows = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for point in points:
        marks = [mark for mark, its in (("in use", point is now), ("**recommended**", point is best)) if its]
        if not marks and (_figures(point) in told or any(_beats(other, point) for other in points)):
            continue
        told.add(_figures(point))
        shares = [point.share(), point.share("digits"), point.share("hesitation")]
        shares += [point.share(part=part) for part in parts]
        delays = [point.delay_ms(), point.delay_ms(0.95), point.delay_ms(kind="fluent")]
        tried = point.setting
        cells = [f"x {tried.scale:g}", f"{tried.done_probability:g}", f"{tried.sure_probability:g}"]
        cells += [f"{tried.going_on_s:g} s", f"{tried.doubtful_s:g} s"]
        cells += [*(f"{share:.1f} %" for share in shares), *(f"{delay:.0f} ms" for delay in delays)]
        cells += [str(sum(end.taken_back for end in point.ends)), ", ".join(marks)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def spread(point: Point) -> str:
    """Write the cut-offs of each set and kind as a Markdown table: all, and the least and most of one offset."""
    offsets = sorted({end.offset for end in point.ends})
    rows = ["| recordings | false cut-offs | at one offset | delay median, p95, mean |", f"|{' --- |' * 4}"]
    for part, kind in dict.fromkeys((end.part, end.kind) for end in point.ends):
        chosen = [end for end in point.ends if (end.part, end.kind) == (part, kind)]
        counts = [sum(end.cut_off for end in chosen if end.offset == offset) for offset in offsets]
        waits = [1000 * max(0.0, end.delay_s) for end in chosen]
        delays = (percentile(waits, 0.5) or 0.0, percentile(waits, 0.95) or 0.0, sum(waits) / len(waits))
        cells = [f"{part}, {kind}", f"{sum(counts)} of {len(chosen)} ({100 * sum(counts) / len(chosen):.1f} %)"]
        cells += [f"{min(counts)} - {max(counts)}", f"{', '.join(f'{delay:.0f}' for delay in delays)} ms"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _figures(point: Point) -> tuple[float, float, float]:
    return point.share(), point.delay_ms(), point.delay_ms(0.95)


def _beats(other: Point, point: Point) -> bool:
    ours, theirs = _figures(point), _figures(other)
    return theirs != ours and all(their <= our for their, our in zip(theirs, ours, strict=True))
