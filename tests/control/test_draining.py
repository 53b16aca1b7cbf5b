"""An agent or a region that is deleted: its live calls go on until they end, or until their time is over.

Hub and region are two API servers. A call is what the operator sees of it: a gateway's pod that was told to end and is
still there. The region's node ends a pod with its last call, or kills it when its grace is over, as a kubelet does.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.cluster.plane import Plane, PlaneOptions, running_plane
from tests.control import kubelet, operating
from tests.control.access import Planes, agent
from tests.control.operating import AGENT, REGION, apply, condition, read, ready, until

from voiceplane_operator import names
from voiceplane_operator.decide.facts import seconds
from voiceplane_operator.moments import now

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
DESK, FAR = ("va", "-n", "support", "desk"), ("vr", "far")
ALL_AGENTS, ALL_REGIONS = ("va", "-n", "support"), ("vr",)
LABEL = f"{names.AGENT}={names.prefix('support/desk')}"
MADE = ("deployments,services,networkpolicies,poddisruptionbudgets,configmaps", "-n", "voiceplane", "-l", LABEL)
PODS = ("pods", "-n", "voiceplane", "-l", f"{LABEL},{names.COMPONENT}=gateway")
BY = {"agent": DESK, "region": FAR}
NO_END, SOON = "600s", "20s"  # times for calls to end; the second is longer than a busy machine takes to look


@dataclass(frozen=True, slots=True)
class Region:
    """The hub, and the node of the far region."""

    hub: Plane
    far: Plane
    node: kubelet.ReportingNode


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def planes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planes]:
    """Have a hub that is no region, and a region with its controllers."""
    folder = tmp_path_factory.mktemp("planes")
    async with (
        running_plane(folder / "hub", PlaneOptions(controllers=False)) as hub,
        running_plane(folder / "far", PlaneOptions(name="far")) as far,
    ):
        await operating.prepare(hub)
        await operating.prepare_region(far)
        await apply(hub, AGENT.split("\n---\n")[1])
        planes = Planes(hub, far)
        await planes.secret(far.token)
        yield planes


@pytest_asyncio.fixture(loop_scope="module")
async def region(planes: Planes, tmp_path: Path) -> AsyncIterator[Region]:
    """Run the operator and the node; afterwards nothing of the agent and the region is left."""
    async with (
        kubelet.reporting(str(planes.far.kubeconfig)) as node,
        operating.operating(planes.hub, tmp_path, "--no-lease"),
    ):
        yield Region(planes.hub, planes.far, node)
        await planes.hub.kubectl("delete", *ALL_AGENTS, "--all", "--timeout=60s")
        await planes.hub.kubectl("delete", *ALL_REGIONS, "--all", "--timeout=60s")


async def with_a_live_call(region: Region, time: str) -> None:
    """Have the agent in the region, its calls with so much time to end, and a call that goes on."""
    far = (REGION % ("far", "kubeConfig: {name: far}")).replace("location: US", "location: DE").replace("60s", time)
    await apply(region.hub, far)
    await apply(region.hub, agent("desk", "DE"))
    raw = await until(region.hub, DESK, ready)
    region.node.busy.add(raw["status"]["revision"])


async def draining(region: Region, gone: str) -> float:
    """Delete the agent or the region, see that its call goes on and all that it needs; return when its grace ends."""
    await region.hub.kubectl("delete", *BY[gone], "--wait=false")

    def told(raw: Any) -> bool:
        found = condition(raw, "Ready")
        told = "finish their calls" in found["message"] and f"{names.RELEASE}=true" in found["message"]
        return found["status"] == "False" and told

    await until(region.hub, BY[gone], told)
    (pod,) = (await read(region.far, *PODS))["items"]
    parts = {
        one["metadata"]["labels"][names.COMPONENT]
        for one in (await read(region.far, *MADE))["items"]
        if one["kind"] == "Deployment"
    }
    assert parts == {"speech", "planner", "tools"}, "new calls find no gateway, and the live one all that it needs"
    return seconds(pod["metadata"]["deletionTimestamp"])


async def all_gone(region: Region, gone: str, *, within_s: float) -> None:
    """Wait until the object and all that was made of it are gone; a region's agent stays and has no place."""
    await until(
        region.hub, ALL_AGENTS if gone == "agent" else ALL_REGIONS, lambda raw: raw["items"] == [], within_s=within_s
    )
    assert (await read(region.far, *MADE))["items"] == []
    if gone == "region":
        await until(region.hub, DESK, lambda raw: condition(raw, "Ready").get("reason") == "NoRegionFits")


@pytest.mark.parametrize("gone", BY)
async def test_what_is_deleted_is_gone_with_its_last_call(region: Region, gone: str) -> None:
    await with_a_live_call(region, NO_END)
    ends = await draining(region, gone)
    region.node.busy.clear()
    await all_gone(region, gone, within_s=60)
    assert now() < ends, "long before the time for calls is over"


@pytest.mark.parametrize("gone", BY)
async def test_what_is_deleted_is_gone_when_the_time_of_its_calls_is_over(region: Region, gone: str) -> None:
    await with_a_live_call(region, SOON)
    ends = await draining(region, gone)
    await all_gone(region, gone, within_s=60)
    assert now() > ends, "not before"
    assert (await read(region.far, *PODS))["items"] == [], "the call was ended by its node"


async def test_an_agent_whose_node_is_dead_is_gone_a_minute_after_the_time_of_its_calls(region: Region) -> None:
    await with_a_live_call(region, SOON)
    region.node.dead = True
    ends = await draining(region, "agent")
    await all_gone(region, "agent", within_s=120)
    assert now() > ends
    (pod,) = (await read(region.far, *PODS))["items"]
    assert "deletionTimestamp" in pod["metadata"], "a dead node takes nothing away"
    region.node.dead = False
