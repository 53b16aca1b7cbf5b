"""How the operator ends: on SIGTERM at once and with status 0; when another leads, with status 1 and no more writes."""

import asyncio
import signal
from pathlib import Path

import pytest
from aiohttp import web
from tests.cluster.plane import PlaneOptions, running_plane
from tests.control import controllers, operating
from tests.control.faults import WRITES, way_to
from tests.control.operating import AGENT, REGION, apply, ready, until


@pytest.mark.timeout(300)
@pytest.mark.asyncio
async def test_a_terminated_operator_ends_with_status_0_and_gives_its_lease_back(tmp_path: Path) -> None:
    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane:
        async with controllers.rolling_out(plane), operating.operating(plane, tmp_path / "operator") as operator:
            await operating.prepare(plane)
            await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}"))
            await apply(plane, AGENT)
            await until(plane, ("va", "-n", "support", "parcel-desk"), ready)
            operator.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await operator.process.wait() == 0
            assert "the operator ends" not in operator.log.read_text()
            lease = await operating.read(plane, "lease", "-n", "voiceplane-system")
            assert [one["spec"].get("holderIdentity", "") for one in lease["items"]] == [""]


@pytest.mark.timeout(300)
@pytest.mark.asyncio
async def test_a_leader_that_was_stopped_for_long_ends_when_it_wakes_and_writes_nothing(tmp_path: Path) -> None:
    written: list[str] = []

    def wrote(request: web.Request) -> None:
        if request.method in WRITES:
            written.append(f"{request.method} {request.path}")

    async with running_plane(tmp_path / "plane", PlaneOptions(controllers=False)) as plane, way_to(plane) as way:
        await operating.prepare(plane)
        await apply(plane, REGION % ("here", "capacity: 1000, inCluster: {}"))
        path = tmp_path / "way.json"
        path.write_text(way.kubeconfig(plane.token))
        async with (
            controllers.rolling_out(plane),
            operating.operating(plane, tmp_path / "one", "--identity", "one", kubeconfig=path) as one,
        ):
            await apply(plane, AGENT)
            await until(plane, ("va", "-n", "support", "parcel-desk"), ready)
            async with operating.operating(plane, tmp_path / "two", "--identity", "two") as two:
                one.process.send_signal(signal.SIGSTOP)
                lease = ("lease", "-n", "voiceplane-system")
                await until(plane, lease, lambda raw: raw["items"][0]["spec"]["holderIdentity"] == "two")
                await apply(plane, AGENT.replace("How can I help you?", "What is it?"))
                await until(plane, ("va", "-n", "support", "parcel-desk"), ready)
                way.wrote = wrote
                one.process.send_signal(signal.SIGCONT)
                async with asyncio.timeout(30):
                    assert await one.process.wait() == 1
                why = one.log.read_text()  # whichever it sees first: the clock, or the Lease
                assert "another replica leads now" in why or "not renewed for" in why
                assert written == []
                assert two.process.returncode is None
