"""How long the agent waits behind a wish, when the turn model expects more: by what the planner makes of the words."""

from pathlib import Path

import pytest
from tests.call.talking import Talking, Tools, talking
from tests.call.virtual import virtually

from voiceplane.contract.load import Bundle, load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.turn.events import PauseJudged
from voiceplane.turn.machine import Floor

EXAMPLE = Path(__file__).parents[2] / "docs/examples/parcel-desk.yaml"
EXPECTED, IN_OTHER_WORDS = "where is my parcel", "my parcel was to come last week"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(EXAMPLE.read_text())


@pytest.fixture(scope="module")
def planner(bundle: Bundle) -> FlowPlanner:
    return FlowPlanner(bundle.agent.spec, Understanding(bundle.agent.spec, Embedder()))


async def silence_behind(call: Talking, text: str) -> float:
    """Say something of which the turn model is nearly sure that more is to come; return how long it was waited for."""
    await call.says(text)
    floor = call.listening.floor
    floor.feed(PauseJudged(call.listening.clock.monotonic(), floor.state.pause, 0.02))
    since = floor.state.since
    await call.until(lambda: floor.state.floor is not Floor.PAUSED)
    return call.listening.clock.monotonic() - since


@pytest.mark.parametrize(("text", "least_s", "most_s"), [(EXPECTED, 0.25, 0.4), (IN_OTHER_WORDS, 0.8, 0.95)])
def test_a_wish_in_the_words_of_an_example_is_answered_soon_and_one_in_other_words_may_go_on(
    bundle: Bundle, planner: FlowPlanner, *, text: str, least_s: float, most_s: float
) -> None:
    async def conversation() -> None:
        async with talking(bundle, planner, Tools()) as call:
            assert least_s < await silence_behind(call, text) < most_s
            await call.hears_out()
            assert call.lines[-1].startswith("agent: What is the")  # it was understood

    virtually(conversation())
