"""The model planner whose endpoint is away, slow, broken or talks nonsense: the flow planner answers."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.planner.scripted import Action, Cut, Finish, Pause, Raw, Script, Status, Words, scripted
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
    "no right to ask": ((Status(401),), "refused"),
    "a status that is odd": ((Status(204),), "refused"),
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
    "a call as words": ((Words("I will call track-parcel(now). Fine."), Finish()), "nonsense"),
    "a function's name": ((Words("One moment, transfer_to_a_person. Fine."), Finish()), "nonsense"),
    "a call in tags": ((Words("<tool_call>track-parcel</tool_call>"), Finish()), "nonsense"),
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


async def test_an_endpoint_that_is_back_is_asked_again(
    bundle: Bundle, planner: FlowPlanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "REST_S", 0.5)
    scripts: tuple[Script, ...] = (*((Status(500),),) * model.FAILURES, TALK)
    async with talking(bundle, planner, *scripts) as harness:
        for _ in range(model.FAILURES + 1):
            assert await harness.say("do you work on Sundays") == flows(harness, "do you work on Sundays")
        await asyncio.sleep(0.6)
        assert texts(await harness.say("do you work on Sundays"))[0] == "We sell boxes."
        assert harness.fallback() is None


@pytest.mark.parametrize("status", [429, 503])
async def test_an_endpoint_that_wants_to_be_left_alone_is(bundle: Bundle, planner: FlowPlanner, status: int) -> None:
    async with talking(bundle, planner, (Status(status, (("Retry-After", "1"),)),), TALK) as harness:
        for _ in range(3):
            assert await harness.say("do you work on Sundays") == flows(harness, "do you work on Sundays")
        assert len(harness.endpoint.requests) == 1
        await asyncio.sleep(1.1)
        assert texts(await harness.say("do you work on Sundays"))[0] == "We sell boxes."


@pytest.mark.parametrize("wanted", ["-5", "1e9", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999", "\u0661"])
async def test_a_wish_to_be_left_alone_that_is_none_changes_nothing(
    bundle: Bundle, planner: FlowPlanner, wanted: str
) -> None:
    async with talking(bundle, planner, (Status(429, (("Retry-After", wanted),)),), TALK) as harness:
        await harness.say("do you work on Sundays")
        assert texts(await harness.say("do you work on Sundays"))[0] == "We sell boxes."


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_word_and_no_key_follows_a_redirect(
    bundle: Bundle, planner: FlowPlanner, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEPLANE_CREDENTIALS", str(tmp_path))
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "api-key").write_text("s3cret\n")
    async with scripted(TALK) as elsewhere:
        away = Status(status, (("Location", f"{elsewhere.url}/chat/completions"),))
        async with talking(bundle, planner, (away,), credential_ref=ObjectName(name="llm")) as harness:
            assert await harness.say("do you work on Sundays") == flows(harness, "do you work on Sundays")
            assert harness.fallback() == "refused"
            assert len(harness.endpoint.requests) == 1
        assert not elsewhere.requests
