"""Sweep the turn machine's parameters over recorded facts: false cut-offs against delay. Pure, in virtual time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from voiceplane.testing.bench.lines import percentile
from voiceplane.testing.bench.turn_facts import Facts, reading_of
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
from voiceplane.turn.parameters import TurnParameters

TICK_S = 0.02  # a frame
REPLY_S = 0.06  # from the turn's end to the reply's first packet, in the median: until then a turn's end is taken back
SCALES = (0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
DONE = (0.3, 0.5, 0.7)
WANTED_SHARE = 5.0  # percent of false cut-offs


@dataclass(frozen=True, slots=True)
class End:
    """What the machine made of one recording."""

    kind: str
    cut_off: bool
    delay_s: float  # from the last sound to the turn's end
    taken_back: int  # ends that were taken back because the caller went on in time


@dataclass(frozen=True, slots=True)
class Point:
    """One set of parameters and what came of it over all recordings."""

    scale: float
    done_probability: float
    ends: tuple[End, ...]

    def share(self, kind: str = "") -> float:
        """Return false cut-offs in percent, of one kind if it is given."""
        chosen = [end.cut_off for end in self.ends if kind in ("", end.kind)]
        return 100.0 * sum(chosen) / len(chosen) if chosen else 0.0

    def delay_ms(self, share: float = 0.5, kind: str = "") -> float:
        """Return a percentile of the delay; a turn that was cut off counts as none, else impatience would look slow."""
        found = [1000 * max(0.0, end.delay_s) for end in self.ends if kind in ("", end.kind)]
        return percentile(found, share) or 0.0


def scaled(parameters: TurnParameters, scale: float, done_probability: float) -> TurnParameters:
    """Stretch every patience of the table; the longest pauses follow where they would be shorter."""
    patience = {key: seconds * scale for key, seconds in parameters.patience.items()}
    longest = parameters.max_pause_s * max(1.0, scale)
    return replace(
        parameters,
        patience=patience,
        done_probability=done_probability,
        max_pause_s=longest,
        digits_max_pause_s=parameters.digits_max_pause_s * scale,
        unread_s=parameters.unread_s * scale,
    )


def sweep(facts: Sequence[Facts], parameters: TurnParameters) -> tuple[Point, ...]:
    """Try every scale of patience with every threshold of the turn model."""
    return tuple(
        Point(scale, done, tuple(judge(each, scaled(parameters, scale, done)) for each in facts))
        for done in DONE
        for scale in SCALES
    )


def recommended(points: Sequence[Point]) -> Point | None:
    """Return the point with the shortest wait among those with few enough cut-offs; None when there is none."""
    good = [point for point in points if point.share() < WANTED_SHARE]
    return min(good, key=lambda point: (point.delay_ms(), point.delay_ms(0.95)), default=None)


def judge(facts: Facts, parameters: TurnParameters) -> End:
    """Run the machine over one recording until its turn's end stands."""
    state, _ = advance(TurnState(digits=facts.digits), AgentFinished(0.0), parameters)
    ended: EndTurn | None = None
    taken_back = 0
    for event in _timeline(facts):
        if ended is not None and event.at >= ended.at + REPLY_S and not isinstance(event, SpeechStarted):
            break
        if isinstance(event, SpeechStarted) and ended is not None:
            noticed = next(at for at, since in facts.starts_s if since == event.at)
            if noticed >= ended.at + REPLY_S:
                break  # the reply is on the wire: this is a barge-in, after a cut-off
        state, actions = advance(state, event, parameters)
        for action in actions:
            if isinstance(action, EndTurn):
                ended = action
            elif isinstance(action, SpeechResumed):
                state, _ = advance(state, Retracted(action.at), parameters)
                ended, taken_back = None, taken_back + 1
    at = facts.total_s if ended is None else ended.at
    return End(facts.kind, ended is not None and ended.at < facts.end_s, at - facts.end_s, taken_back)


def _timeline(facts: Facts) -> Iterator[Event]:
    """Yield the events of a recording in the order in which a call would see them."""
    events: list[tuple[float, int, Event]] = [(noticed, 0, SpeechStarted(since)) for noticed, since in facts.starts_s]
    for number, pause in enumerate(facts.pauses, start=1):
        judged, known = pause.noticed_s + pause.judged_after_s, pause.noticed_s + pause.read_after_s
        events.append((pause.noticed_s, 1, SpeechPaused(pause.noticed_s, pause.since_s)))
        events.append((judged, 2, PauseJudged(judged, number, pause.probability)))
        events.append((known, 2, WordsRead(known, number, reading_of(pause, facts))))
    ticks = int(facts.total_s / TICK_S)
    events += [(tick * TICK_S, 3, Tick(tick * TICK_S)) for tick in range(ticks + 1)]
    yield from (event for _, _, event in sorted(events, key=lambda each: each[:2]))


def table(points: Sequence[Point], now: Point) -> str:
    """Write the sweep as a Markdown table, with the parameters in use and the recommended ones marked."""
    best = recommended(points)
    heads = (
        "patience | done at | false cut-offs | of digits | of hesitations | delay median | p95 | fluent | taken back | "
    )
    rows = [f"| {heads}|", f"|{' --- |' * 10}"]
    for point in points:
        marks = [mark for mark, its in (("in use", point == now), ("**recommended**", point == best)) if its]
        rows.append(
            f"| x {point.scale:g} | {point.done_probability:g} | {point.share():.1f} % | {point.share('digits'):.1f} % "
            f"| {point.share('hesitation'):.1f} % | {point.delay_ms():.0f} ms | {point.delay_ms(0.95):.0f} ms "
            f"| {point.delay_ms(kind='fluent'):.0f} ms | {sum(end.taken_back for end in point.ends)} "
            f"| {', '.join(marks)} |"
        )
    return "\n".join(rows) + "\n"
