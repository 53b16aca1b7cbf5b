"""Measure the operator: agents to Ready, a restart to steady, and memory. `python -m tests.control.measure [COUNT]`.

One real plane with its controllers on this machine; its node only reports, so the time is the control plane's and ours.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.plane import Plane, running_plane
from tests.control import kubelet, operating
from tests.control.operating import AGENT, REGION, Operator, ready

LIMIT_S = 400.0


async def measure(count: int, folder: Path) -> dict[str, float]:
    """Return the figures for so many agents in one region."""
    async with running_plane(folder / "plane") as plane, kubelet.reporting(str(plane.kubeconfig)):
        await operating.prepare(plane)
        await operating.apply(plane, (REGION % ("here", "inCluster: {}")).replace("drain", "capacity: 100000, drain"))
        agent, policy = AGENT.replace("capacity: 50", "capacity: 1").split("\n---")
        agents = [agent.replace("name: parcel-desk", f"name: desk-{number}") for number in range(count)]
        await operating.apply(plane, "\n---\n".join([policy, *agents]))
        figures: dict[str, float] = {"agents": count}
        async with operating.operating(plane, folder / "first", "--no-lease") as operator:
            figures["to_ready_s"] = await _all_ready(plane, count)
            figures["rss_mb"] = _rss_mb(operator)
        async with operating.operating(plane, folder / "second", "--no-lease") as operator:
            begun = time.monotonic()
            while "region answers" not in operator.log.read_text():  # noqa: ASYNC110  (another process writes it)
                await asyncio.sleep(0.1)
            figures["restart_to_answer_s"] = round(time.monotonic() - begun, 1)
            figures["restart_cpu_settled_s"] = await _settled(operator, begun)
        return figures


async def _all_ready(plane: Plane, count: int) -> float:
    begun = time.monotonic()
    while True:
        found = await operating.read(plane, "va", "-n", "support")
        done = sum(1 for one in found["items"] if ready(one))
        if done == count:
            return round(time.monotonic() - begun, 1)
        if time.monotonic() - begun > LIMIT_S:
            raise SystemExit(f"only {done} of {count} were Ready after {LIMIT_S:g} s")
        await asyncio.sleep(1.0)


async def _settled(operator: Operator, begun: float) -> float:
    """Return when the process has used little of a core for 3 s."""
    last, quiet = _cpu_s(operator), 0
    while quiet < 3:
        await asyncio.sleep(1.0)
        now = _cpu_s(operator)
        quiet = quiet + 1 if now - last < 0.1 else 0
        last = now
    return round(time.monotonic() - begun - 3, 1)


def _cpu_s(operator: Operator) -> float:
    fields = Path(f"/proc/{operator.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _rss_mb(operator: Operator) -> float:
    for line in Path(f"/proc/{operator.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024)
    return 0.0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100, Path(scratch)))))
