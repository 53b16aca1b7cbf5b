"""A recognizer that answers late, as under load, while the caller speaks over the agent: his words are answered."""

from pathlib import Path

import pytest
from tests.call.talking import Tools, talking
from tests.call.virtual import virtually

from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding

EXAMPLE = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
HOURS, TRACK = "when are your shops open", "where is my parcel 457720"
RESULTS = {"parcel-status": '{"status": "on its way", "eta": "tomorrow"}'}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(EXAMPLE.read_text())


@pytest.mark.parametrize("late_s", [1.2, 4.0, 12.0])
def test_words_over_the_agent_are_answered_however_late_they_come(bundle: Bundle, late_s: float) -> None:
    planner = FlowPlanner(bundle.agent.spec, Understanding(bundle.agent.spec, Embedder()))

    async def conversation() -> None:
        async with talking(bundle, planner, Tools({}, RESULTS)) as call:
            await call.says(HOURS)
            await call.until(call.speaks)
            call.listening.words_after_s = late_s
            await call.says(TRACK)
            await call.waits(40.0)
            assert f"caller: {TRACK}" in call.lines
            assert "should arrive tomorrow" in call.lines[-1]

    virtually(conversation())
