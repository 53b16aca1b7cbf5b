"""The operator's end after each of its writes for an edit, a policy, a region or an agent that goes.

One process stands for many that are killed at different writes: of each object so many writes come through and no
later one, and then the process is killed. The API server holds what it would hold had each been killed at its write.
"""

import asyncio
import os
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.faults import WRITES, way_to
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import names

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
NUMBERS = range(1, 25)  # more than the longest way takes, the removal of an agent
REGIONS = range(1, 13)  # and of a region
EMPTY = tuple(f"empty{number}" for number in REGIONS)
AGENTS = ("va", "-n", "support")
CHILDREN = "configmaps,services,deployments,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"
NAMES = {"va": "desk", "vr": "empty"}
QUIET_S = 2.0  # what has settled by its status may still be tidying up: each delete follows from an event of the last


@dataclass(slots=True)
class Budgets:
    """How many writes come through for each object: its number."""

    marks: dict[str, int]  # part of a path, or what it begins with -> number
    done: Counter[int] = field(default_factory=Counter)
    stopped: set[int] = field(default_factory=set)  # those that would have gone on
    last: float = 0.0  # loop time of the last write that came through

    def answer(self, request: web.Request) -> int:
        """Refuse what is beyond the budget, as a server that is away does."""
        number = self._number(request.path)
        if request.method not in WRITES or not number:
            return 0
        if self.done[number] >= number:
            self.stopped.add(number)
            return 503
        self.done[number] += 1
        self.last = asyncio.get_running_loop().time()
        return 0

    def _number(self, path: str) -> int:
        for part in path.split("/"):
            if part in self.marks:
                return self.marks[part]
            for mark, number in self.marks.items():
                if part.startswith(f"{mark}-"):
                    return number
        return 0


def of_agents() -> Budgets:
    """Have a budget for each agent, its policy and what is made of it."""
    marks: dict[str, int] = {}
    for number in NUMBERS:
        marks |= dict.fromkeys((f"desk{number}", f"retail{number}", names.prefix(f"support/desk{number}")), number)
    return Budgets(marks)


def agents(old: str = "", new: str = "") -> str:
    """Return the manifests of the agents, changed, each with a policy of its own."""
    assert old in AGENT
    text = AGENT.replace(old, new).replace("capacity: 20", "capacity: 2")
    named = (text.replace("parcel-desk", f"desk{n}").replace("name: retail", f"name: retail{n}") for n in NUMBERS)
    return "\n---\n".join(named)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    """Have what `prepared` fills."""
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running:
        await operating.prepare(running)
        for name in ("there", *EMPTY):
            await running.kubectl("create", "namespace", name)
        async with controllers.rolling_out(running), controllers.rolling_out(running, "there"):
            yield running


def region_of(name: str, location: str = "US") -> str:
    """Return a region with a namespace of its own."""
    region = REGION % (name, f"namespace: {name}, capacity: 1000, inCluster: {{}}")
    return region.replace("location: US", f"location: {location}")


async def prepared(plane: Plane, folder: Path, *, there: bool = False, empty: tuple[str, ...] = ()) -> None:
    """Have all agents settled here, or here and there, and these empty regions, whatever another test has left."""
    regions = {"here"} | ({"there"} if there else set())

    def settled(raw: Any) -> bool:
        return whole(raw) and {one["name"] for one in raw["status"]["regionStates"]} == regions

    known = {one["metadata"]["name"] for one in (await read(plane, "vr"))["items"]}
    found = (await read(plane, *AGENTS))["items"]
    if (
        len(found) == len(NUMBERS)
        and all(map(settled, found))
        and known - set(EMPTY) == regions
        and known >= set(empty)
    ):
        return
    await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}"))
    for name in (*regions - {"here"}, *empty):
        await apply(plane, region_of(name, "DE" if name in EMPTY else "US"))
    if len(found) < len(NUMBERS):
        await apply(plane, agents())
    async with operating.operating(plane, folder / "prepared", "--no-lease"):
        if not there and "there" in known:
            await plane.kubectl("delete", "vr", "there", "--timeout=120s")
        for name in empty:
            await until(plane, ("vr", name), lambda raw: condition(raw, "Ready").get("status") == "True")
        await converged(plane, settled, *({"voiceplane"} | (regions - {"here"})))


async def killed(plane: Plane, folder: Path, budgets: Budgets, what: str, settled: Callable[[Any], bool]) -> None:
    """Kill an operator when each object has settled or has come to the end of its budget."""
    async with way_to(plane) as way:
        path = folder / "way.json"
        path.write_text(way.kubeconfig(plane.token))
        way.answer = budgets.answer
        async with operating.operating(plane, folder / "killed", "--no-lease", kubeconfig=path) as operator:
            numbers, left = set(budgets.marks.values()), set[int]()
            for _ in range(300):
                found = {one["metadata"]["name"]: one for one in (await read(plane, what, "-A"))["items"]}
                left = {n for n in numbers - budgets.stopped if not settled(found.get(f"{NAMES[what]}{n}"))}
                if not left and asyncio.get_running_loop().time() - budgets.last > QUIET_S:
                    break
                await asyncio.sleep(0.2)
            assert not left, f"neither settled nor stopped: {left}"
            os.kill(operator.process.pid, signal.SIGKILL)
            await operator.process.wait()
    # A write that came too late is done again, so that one object may take more of them than the next.
    assert {1} <= budgets.stopped < numbers, "each write was the last of some object"
    assert all(budgets.done[number] == number for number in budgets.stopped)


async def converged(plane: Plane, settled: Callable[[Any], bool], *namespaces: str) -> None:
    """Wait until all agents have settled and have the same parts, of one revision, in these namespaces."""
    told = await until(plane, AGENTS, lambda raw: all(map(settled, raw["items"])))
    revisions = {names.prefix(f"support/{one['metadata']['name']}"): one["status"]["revision"] for one in told["items"]}
    assert len(revisions) == len(NUMBERS)
    for namespace in namespaces:
        await until(plane, (CHILDREN, "-n", namespace, "-l", names.AGENT), lambda raw: not wrong(raw, revisions))


def wrong(raw: Any, revisions: dict[str, str]) -> str:
    """Say what is left over, there twice, or missing."""
    shapes: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for one in raw["items"]:
        labels = one["metadata"]["labels"]
        prefix = labels[names.AGENT]
        if prefix == names.REGION_MARK:
            continue
        if prefix not in revisions or labels.get(names.REVISION, revisions[prefix]) != revisions[prefix]:
            return f"{one['metadata']['name']} is nobody's"
        shapes[prefix][one["kind"], labels.get(names.COMPONENT, "")] += 1
    if shapes.keys() != revisions.keys():
        return "not of all agents"
    first = next(iter(shapes.values()))
    doubled = first["Deployment", "gateway"] != 1 or any(shape != first for shape in shapes.values())
    return "not the same parts" if doubled else ""


def whole(raw: Any) -> bool:
    """Say whether an agent is all there in its newest generation."""
    return raw is not None and ready(raw) and bool(raw["status"]["rollout"] == "complete")


def gone(raw: Any) -> bool:
    """Say whether there is no such object any more."""
    return raw is None


async def restarted(plane: Plane, folder: Path, settled: Callable[[Any], bool], *namespaces: str) -> None:
    """Start an operator that nobody hinders and see it converge."""
    async with operating.operating(plane, folder / "next", "--no-lease"):
        await converged(plane, settled, *namespaces)


async def test_a_region_that_goes_converges_from_after_each_write_of_its_agents(plane: Plane, tmp_path: Path) -> None:
    await prepared(plane, tmp_path, there=True)
    await plane.kubectl("delete", "vr", "there", "--wait=false")

    def left(raw: Any) -> bool:
        return whole(raw) and bool([one["name"] for one in raw["status"]["regionStates"]] == ["here"])

    await killed(plane, tmp_path, of_agents(), "va", left)
    await restarted(plane, tmp_path, left, "voiceplane")
    async with operating.operating(plane, tmp_path / "last", "--no-lease"):
        await until(plane, ("vr",), lambda raw: "there" not in [one["metadata"]["name"] for one in raw["items"]])
    assert (await read(plane, CHILDREN, "-n", "there", "-l", names.HUB))["items"] == []


async def test_a_region_that_goes_converges_from_after_each_write_of_itself(plane: Plane, tmp_path: Path) -> None:
    await prepared(plane, tmp_path, empty=EMPTY)
    await plane.kubectl("delete", "vr", *EMPTY, "--wait=false")
    await killed(plane, tmp_path, Budgets({f"empty{number}": number for number in REGIONS}), "vr", gone)
    async with operating.operating(plane, tmp_path / "next", "--no-lease"):
        await until(plane, ("vr",), lambda raw: not {one["metadata"]["name"] for one in raw["items"]} & set(EMPTY))
    for name in EMPTY:
        assert (await read(plane, CHILDREN, "-n", name, "-l", names.HUB))["items"] == []


async def test_an_edit_converges_from_after_each_of_its_writes(plane: Plane, tmp_path: Path) -> None:
    await prepared(plane, tmp_path)
    old = {one["status"]["revision"] for one in (await read(plane, *AGENTS))["items"]}
    await apply(plane, agents("How can I help you?", "What can I do for you?"))

    def edited(raw: Any) -> bool:
        return whole(raw) and raw["status"]["revision"] not in old

    await killed(plane, tmp_path, of_agents(), "va", edited)
    await restarted(plane, tmp_path, edited, "voiceplane")


async def test_a_changed_policy_converges_from_after_each_of_its_writes(plane: Plane, tmp_path: Path) -> None:
    await prepared(plane, tmp_path)
    (old,) = {one["status"]["policyDigest"] for one in (await read(plane, *AGENTS))["items"]}
    parts = agents("allow: [parcel-status, reschedule]", "allow: [parcel-status]").split("\n---\n")
    await apply(plane, "\n---\n".join(one for one in parts if "kind: VoicePolicy" in one))

    def changed(raw: Any) -> bool:
        return whole(raw) and bool(raw["status"]["policyDigest"] != old)

    await killed(plane, tmp_path, of_agents(), "va", changed)
    await restarted(plane, tmp_path, changed, "voiceplane")
    policies = await read(plane, "vp", "-n", "support")
    told = await read(plane, *AGENTS)
    assert {one["status"]["policyDigest"] for one in told["items"]} == {
        one["status"]["digest"] for one in policies["items"]
    }


async def test_an_agents_removal_converges_from_after_each_of_its_writes(plane: Plane, tmp_path: Path) -> None:
    await prepared(plane, tmp_path)
    await plane.kubectl("delete", *AGENTS, "--all", "--wait=false")
    await killed(plane, tmp_path, of_agents(), "va", gone)
    async with operating.operating(plane, tmp_path / "next", "--no-lease"):
        await until(plane, AGENTS, lambda raw: raw["items"] == [])
        mine = (CHILDREN, "-n", "voiceplane", "-l", f"{names.AGENT},{names.AGENT}!={names.REGION_MARK}")
        await until(plane, mine, lambda raw: raw["items"] == [])
