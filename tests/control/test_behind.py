"""A slow region delays its own agents only: its share of a pass is used up once, then nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests import waiting
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.faults import WRITES, way_to
from tests.control.operating import AGENT, REGION, apply, condition, ready, until

from voiceplane.contract.region import VoiceRegionSpec
from voiceplane_operator.decide.status import TRUE, Outcome
from voiceplane_operator.reconcile import behind
from voiceplane_operator.reconcile.behind import Behind, Step
from voiceplane_operator.regions.fleet import Region

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
SPEC = VoiceRegionSpec.model_validate({"mode": "cloud", "location": "US", "inCluster": {}})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plane]:
    options = PlaneOptions(controllers=False)
    async with running_plane(tmp_path_factory.mktemp("plane"), options) as running, controllers.rolling_out(running):
        await operating.prepare(running)
        await running.kubectl("create", "namespace", "slow")
        async with controllers.rolling_out(running, "slow"):
            yield running


class _Work:
    """A step that ends when the test says so."""

    def __init__(self, region: str) -> None:
        self.region = Region(region, SPEC, 1, "hub")
        self.go, self.begun = asyncio.Event(), 0

    async def run(self) -> Outcome:
        self.begun += 1
        await self.go.wait()
        return Outcome(self.region.name, TRUE, "Serving", "")

    def step(self, want: object = 1) -> Step:
        return Step(self.region, want, self.run)


async def test_a_region_uses_up_its_share_once_and_its_work_goes_on_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "SHARE_S", 0.02)
    woken: list[str] = []
    taking, fast, slow = Behind(woken.append), _Work("fast"), _Work("slow")
    fast.go.set()
    outcomes = await taking.take("a", [fast.step(), slow.step()])
    assert [one.reason for one in outcomes] == ["Serving", "Slow"]
    monkeypatch.setattr(behind, "SHARE_S", 600.0)  # whoever waited for the slow one now would wait for ever
    async with asyncio.timeout(5):
        assert [one.reason for one in await taking.take("b", [slow.step()])] == ["Slow"]
        assert [one.reason for one in await taking.take("a", [fast.step(), slow.step()])] == ["Serving", "Slow"]
        assert slow.begun == 2, "one step for each agent, never two of one"
        slow.go.set()
        await waiting.until(lambda: len(woken) >= 2)
        assert sorted(woken) == ["a", "b"]
        assert [one.reason for one in await taking.take("a", [slow.step()])] == ["Serving"]
        assert slow.begun == 2, "what ended behind its pass is told to the next"
    await taking.close()


class _Answering:
    """Stand for an API server whose oldest request is so old."""

    def __init__(self, old_s: float) -> None:
        self.old_s, self.turns = old_s, self

    def oldest_s(self) -> float:
        return self.old_s


async def test_a_region_that_answers_is_waited_for_while_our_own_requests_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(behind, "SHARE_S", 0.02)
    taking, work, answering = Behind(lambda _: None), _Work("busy"), _Answering(0.1)
    work.region.cluster = answering  # type: ignore[assignment]
    passing = asyncio.create_task(taking.take("a", [work.step()]))
    await asyncio.sleep(0.1)
    assert not passing.done()
    work.go.set()
    assert [one.reason for one in await passing] == ["Serving"]
    work.go.clear()
    answering.old_s = behind.ANSWER_S + 1
    assert [one.reason for one in await taking.take("a", [work.step()])] == ["Slow"]
    await taking.close()


async def test_no_more_than_a_few_steps_of_a_slow_region_go_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "SHARE_S", 0.02)
    taking, slow = Behind(lambda _: None), _Work("slow")
    for number in range(3 * behind.BEHIND):
        await taking.take(f"agent-{number}", [slow.step()])
    assert slow.begun == behind.BEHIND
    await taking.close()


async def test_an_outcome_of_an_older_wish_is_not_taken_for_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "SHARE_S", 0.02)
    woken: list[str] = []
    taking, slow = Behind(woken.append), _Work("slow")
    await taking.take("a", [slow.step(1)])
    slow.go.set()
    await waiting.until(lambda: woken)
    monkeypatch.setattr(behind, "SHARE_S", 5.0)
    assert [one.reason for one in await taking.take("a", [slow.step(2)])] == ["Serving"]
    assert slow.begun == 2
    await taking.close()


def _agent(name: str, residency: str) -> str:
    text: str = AGENT.split("\n---")[0].replace("name: parcel-desk", f"name: {name}")
    return text.replace("residency: [US]", f"residency: [{residency}]").replace("capacity: 20", "capacity: 2")


async def test_agents_elsewhere_stay_fast_while_a_region_takes_8_s_for_each_write(plane: Plane, tmp_path: Path) -> None:
    await apply(plane, "\n---\n".join(AGENT.split("\n---")[1:]))
    await apply(plane, REGION % ("here", "inCluster: {}"))
    async with way_to(plane) as way:
        secret = f"--from-literal=kubeconfig={way.kubeconfig(plane.token)}"
        await plane.kubectl("create", "secret", "generic", "-n", "voiceplane-system", "slow", secret)
        slow = (REGION % ("slow", "namespace: slow, kubeConfig: {name: slow}")).replace("location: US", "location: DE")
        await apply(plane, slow)
        async with operating.operating(plane, tmp_path, "--no-lease"):
            for name in ("here", "slow"):
                await until(plane, ("vr", name), lambda raw: condition(raw, "Ready").get("status") == "True")
            way.delay_s = lambda request: 8.0 if request.method in WRITES else 0.0
            for number in range(20):  # more than there are workers
                await apply(plane, _agent(f"both-{number}", "US, DE"))
            await apply(plane, _agent("here-only", "US"))
            await until(plane, ("va", "-n", "support", "here-only"), ready)

            def told(raw: Any) -> bool:
                states = {one["name"]: one for one in (raw.get("status") or {}).get("regionStates") or ()}
                return bool(states) and states["here"]["ready"] and states["slow"]["condition"]["reason"] == "Slow"

            await until(plane, ("va", "-n", "support", "both-19"), told)
            way.delay_s = lambda _: 0.0
            for number in range(20):
                await until(plane, ("va", "-n", "support", f"both-{number}"), ready, within_s=90)
