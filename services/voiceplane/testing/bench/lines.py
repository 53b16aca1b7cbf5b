"""The lines of the result: what was measured, how often, and whether the goal is reached. Pure; printed by the CLI."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must stay under: a bound for the median, the 95th percentile, the worst or a share in percent."""

    median: float | None = None
    p95: float | None = None
    worst: float | None = None
    share: float | None = None

    @property
    def text(self) -> str:
        """Write the goal for the table."""
        names = (("median", self.median), ("p95", self.p95), ("max", self.worst), ("share", self.share))
        said = [f"{name} {'<' if bound else '='} {bound:g}" for name, bound in names if bound is not None]
        return ", ".join(said)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the values of one figure, or a number of cases out of all (`cases`)."""

    what: str
    unit: str
    values: tuple[float, ...] = ()
    cases: int | None = None  # of `count`; then values are not used
    count: int = 0
    goal: Goal = Goal()
    note: str = ""

    @property
    def measured(self) -> int:
        """Return how many cases stand behind the line."""
        return self.count if self.cases is not None else len(self.values)

    @property
    def median(self) -> float | None:
        """Return the median of the values."""
        return statistics.median(self.values) if self.values else None

    @property
    def p95(self) -> float | None:
        """Return the 95th percentile of the values: the smallest that 95 % do not exceed."""
        return percentile(self.values, 0.95)

    @property
    def share(self) -> float | None:
        """Return the cases in percent."""
        return 100.0 * self.cases / self.count if self.cases is not None and self.count else None

    @property
    def reached(self) -> bool | None:
        """Say whether every bound of the goal is kept; None without a goal. Nothing measured reaches nothing."""
        pairs = (
            (self.goal.median, self.median),
            (self.goal.p95, self.p95),
            (self.goal.worst, max(self.values, default=None)),
            (self.goal.share, self.share),
        )
        wanted = [(bound, seen) for bound, seen in pairs if bound is not None]
        if not wanted:
            return None
        return all(seen is not None and (seen < bound or seen == bound == 0) for bound, seen in wanted)

    def as_json(self) -> dict[str, Any]:
        """Return everything, for `--json`."""
        summary = {"median": self.median, "p95": self.p95, "share_percent": self.share, "reached": self.reached}
        return asdict(self) | {"measured": self.measured} | summary


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that `share` of the values do not exceed; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def of_cases(what: str, cases: Sequence[bool], goal: Goal | None = None, *, note: str = "") -> Line:
    """Make a line that counts the true ones."""
    return Line(what, "", cases=sum(cases), count=len(cases), goal=goal or Goal(), note=note)


def table(lines: Sequence[Line]) -> str:
    """Write lines as a Markdown table."""
    rows = [
        "| what | count | median | p95 | min - max | goal | reached |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(rows + [_row(line) for line in lines]) + "\n"


def _row(line: Line) -> str:
    what = f"{line.what}{f' ({line.note})' if line.note else ''}"
    reached = {True: "yes", False: "**no**", None: ""}[line.reached]
    goal = f"{line.goal.text}{' %' if line.goal.share is not None else ''}"
    if line.cases is not None:
        share = "" if line.share is None else f"{line.cases} ({line.share:.3g} %)"
        return f"| {what} | {line.count} | {share} | | | {goal} | {reached} |"
    if not line.values:
        return f"| {what} | 0 | not measured | | | {goal} | {reached} |"
    low, high = min(line.values), max(line.values)
    shown = (_number(line.median), _number(line.p95), f"{_number(low)} - {_number(high)}")
    return f"| {what}, {line.unit} | {len(line.values)} | {shown[0]} | {shown[1]} | {shown[2]} | {goal} | {reached} |"


def _number(value: float | None) -> str:
    assert value is not None
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.3g}"
