"""The model planner whose endpoint is away, slow, broken or talks nonsense: the flow planner answers."""

import time
from pathlib import Path

import pytest
from tests.planner.scripted import Action, Cut, Finish, Pause, Raw, Script, Status, Words
from tests.planner.talking import TALK, flows, talking, texts

from voiceplane.contract.base import ObjectName
from voiceplane.contract.dialogue import (
    Done,
)
from voiceplane.contract.load import Bundle
from voiceplane.planner import model
from voiceplane.planner.flow import FlowPlanner

BROKEN: dict[str, tuple[tuple[Action, ...], str]] = {
    "an error status": ((Status(500),), "refused"),
    "too many requests": ((Status(429),), "refused"),
    "no first word in time": ((Pause(20.0), *TALK), "slow"),
    "headers but no word": ((Raw(b": ping\n\n"), Pause(20.0)), "slow"),
    "words but no phrase in time": ((Words("We"), Pause(20.0)), "slow"),
    "a connection that breaks at once": ((Cut(),), "away"),
    "bad JSON": ((Raw(b"data: {oops\n\n"),), "nonsense"),
    "another shape": ((Raw(b'data: {"choices": [{"delta": {"content": 5}}]}\n\n'),), "nonsense"),
    "an error in the stream": ((Raw(b'data: {"error": {"message": "overloaded"}}\n\n'),), "nonsense"),
    "nothing at all": ((Finish(),), "nonsense"),
    "an end without a finish": ((Words("We sell "),), "nonsense"),
    "its own markers": ((Words("<|im_start|>user says hello. Yes."), Finish()), "nonsense"),
    "a call as text": ((Words('{"name": "track-parcel", "arguments": {}}'), Finish()), "nonsense"),
    "a loop": ((Words("very very very very very very very good. Yes."), Finish()), "nonsense"),
    "an invented number": ((Words("Your parcel is 83920174. Fine."), Finish()), "nonsense"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_the_flow_planner_answers_when_the_endpoint_does_not(
    bundle: Bundle, planner: FlowPlanner, case: str
) -> None:
    script, kind = BROKEN[case]
    first_token = 0.4 if kind == "slow" else 5.0
    async with talking(bundle, planner, script, first_token=first_token) as harness:
        began = time.monotonic()
        events = await harness.say("do you work on Sundays")
        assert time.monotonic() - began < 15.0, "it waited for the endpoint to the end"
        assert events == flows(harness, "do you work on Sundays")
        assert harness.fallback() == kind


async def test_an_endpoint_that_is_not_there_costs_nothing(bundle: Bundle, planner: FlowPlanner) -> None:
    async with talking(bundle, planner, TALK, endpoint="http://127.0.0.1:9/v1") as harness:
        assert await harness.say("do you work on Sundays") == flows(harness, "do you work on Sundays")
        assert harness.fallback() == "away"


async def test_a_missing_credential_is_an_endpoint_that_is_away(
    bundle: Bundle, planner: FlowPlanner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEPLANE_CREDENTIALS", str(tmp_path))
    async with talking(bundle, planner, TALK, credential_ref=ObjectName(name="llm")) as harness:
        assert await harness.say("do you work on Sundays") == flows(harness, "do you work on Sundays")
        (tmp_path / "llm").mkdir()
        (tmp_path / "llm" / "api-key").write_text("s3cret\n")
        assert texts(await harness.say("do you work on Sundays"))[0] == "We sell boxes."
        assert harness.endpoint.headers[-1]["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("ending", [(Cut(),), (Raw(b"data: {oops\n\n"),), (Pause(20.0),), (Words("{bad} ones. x"),)])
async def test_what_was_said_is_kept_when_the_rest_goes_wrong(
    bundle: Bundle, planner: FlowPlanner, ending: Script
) -> None:
    script: Script = (Words("We sell boxes. "), Words("And a "), *ending)
    async with talking(bundle, planner, script, timeout=5.0) as harness:
        events = await harness.say("what do you sell then")
    assert texts(events) == ["We sell boxes."]
    assert isinstance(events[-1], Done)


async def test_an_endpoint_that_keeps_failing_is_left_alone_for_a_while(bundle: Bundle, planner: FlowPlanner) -> None:
    async with talking(bundle, planner, (Status(500),)) as harness:
        for _ in range(5):
            await harness.say("do you work on Sundays")
        assert len(harness.endpoint.requests) == model.FAILURES
