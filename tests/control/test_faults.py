"""What API servers and networks do to an operator: refusals, delays, silence; and its own end, at every write."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.faults import WRITES, Way, way_to
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import names

pytestmark = [pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]
PARTITIONS = int(os.environ.get("VOICEPLANE_PARTITIONS", "2"))  # 50 take a quarter of an hour
WRITES_OF_AN_AGENT = 20  # a few more than it takes


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running, controllers.rolling_out(running):
        await operating.prepare(running)
        await apply(running, REGION % ("here", "capacity: 100000, inCluster: {}"))
        await apply(running, AGENT)
        yield running


def agent(name: str, old: str = "", new: str = "") -> str:
    """Return the agent under another name, changed."""
    text: str = (
        AGENT.split("\n---")[0].replace("name: parcel-desk", f"name: {name}").replace("capacity: 20", "capacity: 1")
    )
    assert old in text
    return text.replace(old, new)


def file_of(way: Way, plane: Plane, folder: Path) -> Path:
    """Write a kubeconfig that leads this way."""
    path = folder / "way.json"
    path.write_text(way.kubeconfig(plane.token))
    return path


async def test_refusals_delays_and_errors_only_take_time(plane: Plane, tmp_path: Path) -> None:
    chance, given = random.Random(5), Counter[int]()

    def answer(request: web.Request) -> int:
        ours = "voiceplane" in request.path and "watch" not in request.query
        refusals = (409, 429, 500, 503, 504) if request.method in WRITES else (429, 500, 503, 504)  # no read conflicts
        status = chance.choice(refusals) if ours and chance.random() < 0.2 else 0
        given[status] += 1
        return status

    async with way_to(plane) as way:
        way.answer = answer
        async with operating.operating(plane, tmp_path, "--no-lease", kubeconfig=file_of(way, plane, tmp_path)):
            for number in range(5):
                await apply(plane, agent(f"bumpy-{number}"))
            for number in range(5):
                await until(plane, ("va", "-n", "support", f"bumpy-{number}"), ready)
    assert all(given[status] for status in (409, 429, 500, 503, 504))


async def test_a_watch_that_falls_silent_is_begun_anew(plane: Plane, tmp_path: Path) -> None:
    async with way_to(plane) as way:
        path, silence = file_of(way, plane, tmp_path), ("--no-lease", "--watch-silence", "4")
        async with operating.operating(plane, tmp_path, *silence, kubeconfig=path):
            await apply(plane, agent("silent"))
            await until(plane, ("va", "-n", "support", "silent"), ready)
            way.frozen = True  # what happens now is told to nobody
            await asyncio.sleep(0.5)
            prefix = names.prefix("support/silent")
            await plane.kubectl("delete", "networkpolicy", "-n", "voiceplane", f"{prefix}-agent")
            await apply(plane, agent("silent", "How can I help you?", "What is it?"))
            await asyncio.sleep(1.0)
            way.frozen = False  # for new watches; those that hang stay so
            policies = ("networkpolicies", "-n", "voiceplane", "-l", f"{names.AGENT}={prefix}")
            await until(plane, policies, lambda raw: len(raw["items"]) == 1)
            await until(plane, ("va", "-n", "support", "silent"), ready)


async def test_an_operator_killed_after_any_of_its_writes_converges(plane: Plane, tmp_path: Path) -> None:
    numbers = range(1, WRITES_OF_AN_AGENT + 1)
    async with way_to(plane) as way:
        path = file_of(way, plane, tmp_path)
        reached = [number for number in numbers if await _killed_after(plane, way, path, number, tmp_path)]
    most = max(reached)  # a write that came too late is done again: one agent may take more of them than the next
    assert 10 < most < WRITES_OF_AN_AGENT and {*numbers[:10]} <= {*reached}, "each of an agent's writes was the last"
    async with operating.operating(plane, tmp_path / "last", "--no-lease"):
        made = set()
        for number in reached:
            await until(plane, ("va", "-n", "support", f"crash-{number}"), ready)
            label = f"{names.AGENT}={names.prefix(f'support/crash-{number}')}"
            kinds = "configmaps,services,deployments,networkpolicies,poddisruptionbudgets"
            found = (await read(plane, kinds, "-n", "voiceplane", "-l", label))["items"]
            made.add(len(found))
    assert len(made) == 1, "each agent has the same objects"


async def _killed_after(plane: Plane, way: Way, path: Path, number: int, folder: Path) -> bool:
    """Kill an operator when it has done so many writes for a new agent; say whether it did so many."""
    name, count, done = f"crash-{number}", 0, asyncio.Event()
    marks = (f"/voiceagents/{name}", names.prefix(f"support/{name}"))
    await apply(plane, agent(name))
    async with operating.operating(plane, folder / name, "--no-lease", kubeconfig=path) as operator:

        def wrote(request: web.Request) -> None:
            nonlocal count
            if request.method in WRITES and any(mark in request.path for mark in marks):
                count += 1
                if count == number:
                    os.kill(operator.process.pid, signal.SIGKILL)
                    done.set()

        way.wrote = wrote
        try:
            await until(plane, ("va", "-n", "support", name), lambda raw: done.is_set() or ready(raw))
            return done.is_set()
        finally:
            way.wrote = lambda _: None


async def test_partitions_delete_nothing_and_leave_no_orphans(plane: Plane, tmp_path: Path) -> None:
    await plane.kubectl("create", "namespace", "island")
    async with way_to(plane) as way:
        secret = f"--from-literal=kubeconfig={way.kubeconfig(plane.token)}"
        await plane.kubectl("create", "secret", "generic", "-n", "voiceplane-system", "island", secret)
        await apply(plane, REGION % ("island", "namespace: island, kubeConfig: {name: island}"))
        async with operating.operating(plane, tmp_path, "--no-lease"):
            island = ("vr", "island")
            await until(plane, island, lambda raw: condition(raw, "Ready").get("status") == "True")
            for number in range(PARTITIONS):
                name = f"castaway-{number}"
                way.part()
                lost = await until(plane, island, lambda raw: condition(raw, "Ready").get("status") == "Unknown")
                assert lost["status"]["lostSince"]
                await apply(plane, agent(name))  # nothing new goes there
                raw = await until(plane, ("va", "-n", "support", name), ready)
                assert [one["name"] for one in raw["status"]["regionStates"]] == ["here"]
                assert not way.deletes
                way.parted = False
                await until(plane, island, lambda raw: condition(raw, "Ready").get("status") == "True")
            assert not way.deletes
            await plane.kubectl("delete", "va", "-n", "support", "castaway-0", "--timeout=60s")
            await plane.kubectl("delete", "vr", "island", "--wait=false")
            await until(plane, ("vr",), lambda raw: len(raw["items"]) == 1)
            left: dict[str, Any] = await read(plane, "deployments,services,networkpolicies", "-n", "island")
            assert left["items"] == []
