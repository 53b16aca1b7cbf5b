"""Calls that an agent gives up go to those that lack some, at once and not at the next look at everything."""

from pathlib import Path

import pytest
from tests.cluster.plane import PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.operating import AGENT, REGION, apply, condition, until

from voiceplane_operator.decide.shares import Shares


def test_agents_that_lack_calls_are_told_of_where_others_give_some_up() -> None:
    shares = Shares()
    assert shares.put("a", {"r": 60}) == frozenset()
    assert shares.put("b", {"r": 40}, short=True) == frozenset()
    assert shares.put("c", {"r": 0}, short=True) == frozenset(), "it had nothing to give"
    assert shares.put("a", {"r": 60}) == frozenset(), "it gives nothing up"
    assert shares.put("a", {"r": 50}) == {"b", "c"}
    assert shares.put("b", {"r": 30}, short=True) == {"c"}
    assert shares.put("c", {"r": 20}) == frozenset()
    assert shares.put("a", {}) == {"b"}


@pytest.mark.timeout(300)
@pytest.mark.asyncio
async def test_an_agent_that_lacked_calls_has_them_when_another_is_deleted(tmp_path: Path) -> None:
    options = PlaneOptions(controllers=False)
    second = ("va", "-n", "support", "second")
    async with running_plane(tmp_path / "plane", options) as plane, controllers.rolling_out(plane):
        await operating.prepare(plane)
        await apply(plane, REGION % ("here", "capacity: 30, inCluster: {}"))
        async with operating.operating(plane, tmp_path, "--no-lease", "--resync", "3600"):
            await apply(plane, AGENT)
            await until(plane, ("va", "-n", "support", "parcel-desk"), operating.ready)
            await apply(plane, AGENT.split("\n---")[0].replace("name: parcel-desk", "name: second"))
            told = await until(plane, second, lambda raw: condition(raw, "CapacityAvailable").get("status") == "False")
            assert condition(told, "CapacityAvailable")["reason"] == "TooFewCalls"
            await plane.kubectl("delete", "va", "-n", "support", "parcel-desk", "--wait=false")
            await until(plane, second, lambda raw: condition(raw, "CapacityAvailable").get("status") == "True")
