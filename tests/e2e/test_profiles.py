"""An agent moves to another speech profile: one word of its YAML changes, and the same call goes the same way."""

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import AGENT, IMPATIENT, Running, running_agent

from voiceplane.speech.profiles import load_profile

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(480)]
LINES = ("Can you track my package?", "It is four five six, seven two one.")


async def track(running: Running) -> list[str]:
    """Place the call; return the intents of the caller's turns."""
    outcome = await running.call(*LINES)
    assert "out for delivery" in outcome.said
    assert outcome.call.leg.faults == []
    assert [audit.outcome for audit in outcome.audits] == ["ok"]
    return outcome.intents


async def test_the_same_agent_answers_on_both_profiles(running: Any, tmp_path: Path) -> None:
    small = AGENT.read_text().replace("  escalation:", IMPATIENT)
    base = small.replace("profile: cpu-small", "profile: cpu-base")
    assert [a for a, b in zip(small.split(), base.split(), strict=True) if a != b] == ["cpu-small,"]
    on_small = await track(running)
    wanted = load_profile("cpu-base").wanted("joe")
    async with running_agent(base, tmp_path, rtp_ports="25000-25499", wanted=wanted) as moved:
        (server,) = await moved.speech.look()
        assert all(model.ready for model in server.models)
        on_base = await track(moved)
    assert on_base == on_small == ["track-parcel", "track-parcel"]
