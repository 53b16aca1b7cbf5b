"""A recognizer that answers late, as under load, while the caller speaks over the agent: his words are answered."""

from pathlib import Path

import pytest
from tests.call.talking import Tools, talking
from tests.call.virtual import virtually

from voiceplane.call.hub import LiveCall
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


def test_an_agent_that_waits_for_the_words_is_seen_to_think_until_it_has_answered(bundle: Bundle) -> None:
    planner = FlowPlanner(bundle.agent.spec, Understanding(bundle.agent.spec, Embedder()))

    async def conversation() -> None:
        async with talking(bundle, planner, Tools({}, RESULTS)) as call:
            live = LiveCall(call.recorder.facts.call_id, "a/b", "r", 0, call.ending)
            call.hub.add(live)
            call.listening.words_after_s = 12.0
            await call.says(HOURS)
            await call.waits(8.0)
            assert call.lines[-1] != f"caller: {HOURS}" and live.state == "thinking"
            await call.waits(40.0)
            assert "eight in the morning" in call.lines[-1] and live.state == "listening"

    virtually(conversation())
