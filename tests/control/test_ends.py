"""How the operator ends: on SIGTERM at once, with status 0, and without a word of failure."""

import asyncio
import signal
from pathlib import Path

import pytest
from tests.cluster.plane import PlaneOptions, running_plane
from tests.control import controllers, operating
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
