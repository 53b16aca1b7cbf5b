"""End to end: three charts, one VoiceAgent, pods that answer a call, an edit that leaves the live call as it is.

In an on-prem region, where besides no packet may leave for an address outside of the cluster.
"""

from pathlib import Path

import pytest
from tests.cluster import rootless
from tests.cluster.demo import play
from tests.cluster.stage import running_stage


@pytest.mark.timeout(1500)  # 4 minutes when warm; the first run on a machine also builds the control plane
async def test_new_calls_hear_the_edit_and_the_live_call_keeps_its_words(tmp_path: Path) -> None:
    if why := await rootless.denied():
        pytest.skip(f"no networks can be made here, see tests/cluster/rootless.py: {why}")
    async with running_stage(tmp_path, print) as stage:
        report = await play(stage, tmp_path, "on-prem")
    assert report.problems() == []
    assert len(report.helm_tests) == 4
