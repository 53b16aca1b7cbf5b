"""Measure the operator: `python -m tests.control.measure --agents 100 --regions 3`; `make bench-operator` calls it.

So many real API servers on this machine, each a region, the first also the hub. Nothing runs in them: controllers.py
reports Deployments as rolled out. Prints one JSON object; what each figure means is in docs/benchmarks.md.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, drifts, operating, partitions
from tests.control.faults import Way, way_to
from tests.control.operating import AGENT, Operator, ready

AGENTS = "/apis/voiceplane.dev/v1alpha1/namespaces/support/voiceagents"
CREATES_AT_ONCE = 8
SERVICES = "10.96.0.0/12"  # an address for each agent
GOGC = "400"  # a cluster's API server has a heap of gigabytes, which Go collects seldom; here it is small
COUNTRIES = ("US", "DE", "JP", "BR", "IN")
Figures = dict[str, float]


def _agents(count: int, regions: int, *, everywhere: bool) -> list[dict[str, Any]]:
    documents = list(yaml.safe_load_all(AGENT))
    (agent,) = [one for one in documents if one["kind"] == "VoiceAgent"]
    agent["spec"]["placement"] = {"modes": ["cloud"], "capacity": 1}
    made = []
    for number in range(count):
        one = json.loads(json.dumps(agent))
        one["metadata"] = {"name": f"desk-{number}", "namespace": "support"}
        if not everywhere:
            one["spec"]["placement"]["residency"] = [COUNTRIES[number % regions]]
        made.append(one)
    return made


async def _prepare(planes: list[Plane], ways: Sequence[Way] = ()) -> None:
    """Make each plane a region of the first; the ways lead to the others, if there are any."""
    hub = planes[0]
    await operating.prepare(hub)
    for plane in planes[1:]:
        await operating.prepare_region(plane)
    policies = [one for one in yaml.safe_load_all(AGENT) if one["kind"] == "VoicePolicy"]
    await operating.apply(hub, yaml.safe_dump_all(policies))
    for number, plane in enumerate(planes):
        access: dict[str, Any] = {"inCluster": {}}
        if number:
            content = ways[number - 1].kubeconfig(plane.token) if ways else operating.portable_kubeconfig(plane)
            secret = f"--from-literal=kubeconfig={content}"
            await hub.kubectl("create", "secret", "generic", "-n", "voiceplane-system", f"r{number}", secret)
            access = {"kubeConfig": {"name": f"r{number}"}}
        spec = {"mode": "cloud", "location": COUNTRIES[number], "capacity": 1_000_000, "planner": {"engine": "ray"}}
        region = {"apiVersion": "voiceplane.dev/v1alpha1", "kind": "VoiceRegion", "metadata": {"name": f"r{number}"}}
        await operating.apply(hub, json.dumps(region | {"spec": spec | access}))


async def measure(options: argparse.Namespace, folder: Path) -> Figures:
    """Return the figures for so many agents over so many regions."""
    async with contextlib.AsyncExitStack() as stack:
        planes = await _planes(options, folder, stack)
        await _prepare(planes)
        hub = await stack.enter_async_context(controllers.session(planes[0]))
        figures: Figures = {"agents": options.agents, "regions": options.regions, "cores": os.cpu_count() or 1}
        agents = _agents(options.agents, options.regions, everywhere=options.everywhere)
        if options.before:
            created = await _create(hub, agents)
            figures["created_s"] = round(max(created.values()) - min(created.values()), 1)
        async with operating.operating(planes[0], folder / "first", "--no-lease", *options.operator) as operator:
            if options.before:
                figures |= await _take_up(options, planes, operator, hub)
            else:
                await _steady(operator, regions=options.regions)
                figures |= await _converge(options, planes, operator, hub, agents)
            sessions = [await stack.enter_async_context(controllers.session(plane)) for plane in planes]
            figures |= await drifts.drift(sessions)
            figures["rss_mb"] = figures["first_rss_mb"] = _rss_mb(operator)
        async with operating.operating(planes[0], folder / "second", "--no-lease", *options.operator) as operator:
            begun, requests = time.monotonic(), await _writes(operator)
            await _steady(operator, regions=options.regions, agents=options.agents)
            figures["restart_to_steady_s"] = round(time.monotonic() - begun, 1)
            figures["restart_cpu_s"] = round(_cpu_s(operator.process.pid), 1)
            figures["restart_writes"] = await _writes(operator) - requests
            figures["rss_mb"] = max(figures["rss_mb"], _rss_mb(operator))
        return figures


async def part(options: argparse.Namespace, folder: Path) -> Figures:
    """Return the figures of so many partitions of all regions but the hub's, with so many agents in each of them."""
    async with contextlib.AsyncExitStack() as stack:
        planes = await _planes(options, folder, stack)
        ways = [await stack.enter_async_context(way_to(plane)) for plane in planes[1:]]
        await _prepare(planes, ways)
        tracks, agents = [], []
        for number, way in enumerate(ways, start=1):
            of_region = _agents(options.agents, options.regions, everywhere=True)
            for agent in of_region:
                agent["metadata"]["name"] += f"-r{number}"
                agent["spec"]["placement"]["residency"] = [COUNTRIES[0], COUNTRIES[number]]
            tracks.append(partitions.Partitions(planes[0], planes[number], way, f"r{number}", of_region[0]))
            agents += of_region
        await operating.apply(planes[0], "\n---\n".join(map(json.dumps, agents)))
        figures = {"agents": options.agents, "regions": options.regions, "cores": os.cpu_count() or 1}
        return figures | await partitions.parted(planes[0], folder / "first", tracks, agents, rounds=options.partitions)


async def _planes(options: argparse.Namespace, folder: Path, stack: contextlib.AsyncExitStack) -> list[Plane]:
    """Run the API servers until the stack ends, with what reports on their Deployments."""
    planes = []
    for number in range(options.regions):
        bare = PlaneOptions(name=f"r{number}", controllers=False, service_cidr=SERVICES, gogc=GOGC)
        planes.append(await stack.enter_async_context(running_plane(folder / bare.name, bare)))
        await stack.enter_async_context(controllers.rolling_out(planes[-1]))
    return planes


async def _converge(
    options: argparse.Namespace, planes: list[Plane], operator: Operator, hub: aiohttp.ClientSession,
    agents: list[dict[str, Any]],
) -> Figures:  # fmt: skip
    """Create all agents and wait until each is Ready; the rest of the figures is about that time."""
    before = await _spent(planes, operator)
    done: dict[str, float] = {}
    begun = time.monotonic()
    async with asyncio.timeout(options.limit), asyncio.TaskGroup() as group:
        waiting = group.create_task(_see_ready(hub, len(agents), done))
        created = await _create(hub, agents)
        await waiting
    took = time.monotonic() - begun
    waits = sorted(done[name] - created[name] for name in done)
    return {
        "created_s": round(max(created.values()) - begun, 1),
        "wait_p50_s": round(statistics.median(waits), 2),
        "wait_p99_s": round(waits[int(0.99 * (len(waits) - 1))], 2),
        **await _rates(planes, operator, before, len(agents), took),
    }


async def _take_up(
    options: argparse.Namespace, planes: list[Plane], operator: Operator, hub: aiohttp.ClientSession
) -> Figures:
    """Wait until an operator that has just begun has each agent Ready that was there before it."""
    begun, before = time.monotonic(), await _spent(planes, operator)
    async with asyncio.timeout(options.limit):
        await _see_ready(hub, options.agents, {})
    return await _rates(planes, operator, before, options.agents, time.monotonic() - begun)


async def _create(hub: aiohttp.ClientSession, agents: list[dict[str, Any]]) -> dict[str, float]:
    """Create agents, some at once; return when each was asked for."""
    created: dict[str, float] = {}
    turns = asyncio.Semaphore(CREATES_AT_ONCE)

    async def create(agent: dict[str, Any]) -> None:
        async with turns:
            created[agent["metadata"]["name"]] = time.monotonic()
            async with hub.post(AGENTS, json=agent) as answer:
                assert answer.status == 201, await answer.text()

    await asyncio.gather(*map(create, agents))
    return created


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used until a moment: seconds of processor, writes, passes."""

    operator: float
    servers: float
    fakes: float
    writes: float
    passes: float


async def _spent(planes: list[Plane], operator: Operator) -> Spent:
    servers = sum(_cpu_s(pid) for plane in planes for pid in plane.pids.values())
    writes, passes = await _writes(operator), await _passes(operator)
    return Spent(_cpu_s(operator.process.pid), servers, time.process_time(), writes, passes)


async def _rates(planes: list[Plane], operator: Operator, before: Spent, agents: int, took: float) -> Figures:
    """Return what so many agents took since a moment, until all were Ready."""
    now = await _spent(planes, operator)
    cpu, writes, passes = now.operator - before.operator, now.writes - before.writes, now.passes - before.passes
    return {
        "to_ready_s": round(took, 1),
        "agents_per_s": round(agents / took, 1),
        "operator_cpu_ms_per_agent": round(1000 * cpu / agents, 1),
        "operator_agents_per_cpu_s": round(agents / cpu, 1),
        "api_server_cpu_ms_per_agent": round(1000 * (now.servers - before.servers) / agents, 1),
        "fakes_cpu_ms_per_agent": round(1000 * (now.fakes - before.fakes) / agents, 1),
        "writes_per_agent": round(writes / agents, 1),
        "writes_per_s": round(writes / took, 1),
        "reconciles_per_agent": round(passes / agents, 1),
        "reconciles_per_s": round(passes / took, 1),
        "reconcile_p99_under_s": await _p99_s(operator),
    }


async def _see_ready(hub: aiohttp.ClientSession, count: int, done: dict[str, float]) -> None:
    async for _, raw in controllers.events(hub, AGENTS):
        name = raw["metadata"]["name"]
        if name not in done and ready(raw):
            done[name] = time.monotonic()
            if len(done) == count:
                return


async def _steady(operator: Operator, *, regions: int, agents: int = 0) -> None:
    """Wait until every region answers, everything was looked at, and the queue has been empty for 2 s."""
    quiet = 0
    async with asyncio.timeout(600):
        while quiet < 4:
            await asyncio.sleep(0.5)
            with contextlib.suppress(aiohttp.ClientError, OSError, ValueError):
                seen = await _metrics(operator)
                idle = not seen.get("workqueue_depth") and not seen.get("unfinished_work_seconds")
                answer = operator.log.read_text().count("region answers") >= regions
                quiet = quiet + 1 if idle and answer and await _passes(operator) >= agents + regions else 0


async def _metrics(operator: Operator) -> dict[str, float]:
    _, found, rest = operator.log.read_text().partition("ready metrics=")
    if not found:
        raise OSError("the operator has not begun")
    url = f"http://127.0.0.1:{rest.split()[0]}/metrics"
    async with aiohttp.ClientSession() as opened, opened.get(url) as answer:
        lines = (line.rpartition(" ") for line in (await answer.text()).splitlines() if line[:1] not in ("#", ""))
        return {name: float(value) for name, _, value in lines}


async def _writes(operator: Operator) -> float:
    """Return how many requests the operator has sent that change something."""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        return sum(
            value
            for name, value in (await _metrics(operator)).items()
            if name.startswith("voiceplane_api_requests_total") and "GET" not in name
        )
    return 0.0


async def _passes(operator: Operator) -> float:
    with contextlib.suppress(aiohttp.ClientError, OSError):
        return sum(value for name, value in (await _metrics(operator)).items() if name.startswith("reconcile_total"))
    return 0.0


async def _p99_s(operator: Operator) -> float:
    """Return the bound of the histogram's bucket in which the 99th percentile of the agents' passes is."""
    name = 'reconcile_duration_seconds_bucket{kind="VoiceAgent",le="'
    seen = await _metrics(operator)
    buckets = sorted((float(one[len(name) : -2]), value) for one, value in seen.items() if one.startswith(name))
    return next(bound for bound, value in buckets if value >= 0.99 * buckets[-1][1])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(operator: Operator) -> float:
    lines = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)


def main(argv: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.control.measure", description=__doc__)
    parser.add_argument("--agents", type=int, default=100, help="with --partitions: in each region")
    parser.add_argument("--regions", type=int, default=3, choices=range(1, len(COUNTRIES) + 1))
    parser.add_argument("--everywhere", action="store_true", help="each agent in every region, not in one of them")
    parser.add_argument("--before", action="store_true", help="create all agents first and then start the operator")
    parser.add_argument("--partitions", type=int, default=0, help="part the other regions so often, and only that")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds until all must be Ready")
    parser.add_argument("--folder", type=Path, help="keep logs there; default: a folder that is removed")
    parser.add_argument("operator", nargs="*", help="options of the operator, after --")
    with tempfile.TemporaryDirectory() as scratch:
        options = parser.parse_args(argv)
        if options.partitions and options.regions < 2:
            parser.error("--partitions needs a second region")
        suite = part if options.partitions else measure
        print(json.dumps(asyncio.run(suite(options, options.folder or Path(scratch)))))


if __name__ == "__main__":
    main(sys.argv[1:])
