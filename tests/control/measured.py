"""Measure the operator at several sizes and write one table: `python -m tests.control.measured`; `make bench-operator`.

Each size is a run of tests.control.measure of its own, on new API servers: what one left behind would help the next.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

SIZES = (100, 1000, 5000)
LIMIT_S = 5400.0  # for one size: three API servers on two cores take their time
# What a row shows, which figure of tests.control.measure that is, and the goal with the size that it is for.
ROWS: tuple[tuple[str, str, str], ...] = (
    ("all created", "created_s", "s"),
    ("all Ready, from the first create", "to_ready_s", "s"),
    ("agents to Ready a second, the API servers on the same cores", "agents_per_s", ""),
    ("agents a second of the operator's own processor time", "operator_agents_per_cpu_s", ""),
    ("create to Ready, median", "wait_p50_s", "s"),
    ("create to Ready, p99", "wait_p99_s", "s"),
    ("reconcile p99, at most", "reconcile_p99_under_s", "s"),
    ("writes for an agent", "writes_per_agent", ""),
    ("a deleted child back, median", "drift_delete_p50_s", "s"),
    ("a deleted child back, p99", "drift_delete_p99_s", "s"),
    ("a child's field as it was, median", "drift_edit_p50_s", "s"),
    ("a child's field as it was, p99", "drift_edit_p99_s", "s"),
    ("of 120 deleted children not back within 20 s", "drift_delete_unrepaired", ""),
    ("of 120 edited ones not as they were within 20 s", "drift_edit_unrepaired", ""),
    ("operator memory, highest", "rss_mb", "MB"),
    ("restart to steady", "restart_to_steady_s", "s"),
    ("writes of a restart", "restart_writes", ""),
)
GOALS = {
    ("agents_per_s", 1000): "> 50",
    ("reconcile_p99_under_s", 5000): "< 5",
    ("rss_mb", 5000): "< 400",
    ("restart_to_steady_s", 5000): "< 60",
    ("drift_delete_p99_s", 5000): "< 5",
    ("drift_edit_p99_s", 5000): "< 5",
    ("drift_delete_unrepaired", 5000): "0",
    ("drift_edit_unrepaired", 5000): "0",
}
# Of the partitions, which are a run of their own: what, which figure, its unit, its goal.
PARTITIONS = 50  # rounds of about 40 s, in four regions side by side
PARTED_AGENTS = 20  # in each of those
PARTED_CLUSTERS = 5  # the hub is never parted
PARTED: tuple[tuple[str, str, str, str], ...] = (
    ("partitions of a region", "partitions", "", "50"),
    ("regions that go through them side by side", "partition_regions", "", ""),
    ("region lost: no new placement, longest", "partition_no_placement_max_s", "s", "< 30 s"),
    ("deletes while parted, or of what nobody deleted", "partition_deletes", "", "0"),
    ("others' Deployments that are not the same ones after it", "partition_replaced", "", "0"),
    ("orphans after return", "partition_orphans", "", "0"),
    ("return to the region's Ready, longest", "partition_back_max_s", "s", ""),
    ("return to nothing left of deleted agents, longest", "partition_clean_max_s", "s", ""),
)
Figures = Mapping[str, float]


def table(found: Mapping[int, Figures | None], regions: int) -> str:
    """Write the figures as a Markdown table, a column a size; a size that failed says so."""
    sizes = list(found)
    rows = [f"| over {regions} clusters | {' | '.join(f'{size:,} agents' for size in sizes)} | goal |"]
    rows.append(f"|{' --- |' * (len(sizes) + 2)}")
    for what, name, unit in ROWS:
        cells = []
        for size in sizes:
            figures = found[size]
            cells.append(
                "failed" if figures is None else f"{figures[name]:g} {unit}".strip() if name in figures else ""
            )
        goals = [f"{goal} {unit}".strip() + f" at {size:,}" for (each, size), goal in GOALS.items() if each == name]
        rows.append(f"| {what} | {' | '.join(cells)} | {', '.join(goals)} |")
    return "\n".join(rows) + "\n"


def parted_table(figures: Figures | None) -> str:
    """Write what partitions showed as a Markdown table."""
    rows = ["| partitions | measured | goal |", "| --- | --- | --- |"]
    for what, name, unit, goal in PARTED:
        cell = "failed" if figures is None else f"{figures[name]:g} {unit}".strip()
        rows.append(f"| {what} | {cell} | {goal} |")
    return "\n".join(rows) + "\n"


def measured(agents: int, regions: int, *options: str) -> Figures | None:
    """Run one size in a process of its own; None when it fails, with its words on stderr."""
    command = [sys.executable, "-m", "tests.control.measure", "--agents", str(agents), "--regions", str(regions)]
    command += options
    try:
        done = subprocess.run(
            [*command, "--limit", str(LIMIT_S)], stdout=subprocess.PIPE, timeout=2 * LIMIT_S, check=True, text=True
        )
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        print(f"{agents} agents: {error}", file=sys.stderr)
        return None
    return figures


def main(argv: Sequence[str]) -> int:
    """Measure each size and write the table anew after each, so that a run that is cut short keeps what it has."""
    parser = argparse.ArgumentParser(prog="python -m tests.control.measured", description=__doc__)
    parser.add_argument("--agents", type=int, nargs="+", default=SIZES)
    parser.add_argument("--regions", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=PARTITIONS, help="rounds; 0: none")
    parser.add_argument("--output", type=Path, default=Path("build/bench/operator.md"))
    options = parser.parse_args(argv)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    found: dict[int, Figures | None] = {}
    for agents in options.agents:
        print(f"{agents} agents over {options.regions} clusters", file=sys.stderr, flush=True)
        found[agents] = measured(agents, options.regions)
        options.output.write_text(f"{_about()}\n\n{table(found, options.regions)}")
    reached = all(found.values())
    if options.partitions:
        print(f"{options.partitions} partitions", file=sys.stderr, flush=True)
        figures = measured(PARTED_AGENTS, PARTED_CLUSTERS, "--partitions", str(options.partitions))
        reached = reached and figures is not None
        with options.output.open("a") as output:
            where = f"{PARTED_AGENTS} agents in each of {PARTED_CLUSTERS - 1} clusters and the hub."
            output.write(f"\n{_about()} {where}\n\n{parted_table(figures)}")
    print(options.output.read_text())
    return 0 if reached else 1


def _about() -> str:
    return f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
