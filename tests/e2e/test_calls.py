"""Real calls through every real process: phone, gateway, Triton, Ray Serve, tool gateway, records."""

import asyncio
import signal
import subprocess
from typing import Any

import pytest
from tests.e2e.caller import Caller, until

from voiceplane.records import tree
from voiceplane.records.client import read_calls, read_trace
from voiceplane.rpc.v1 import calls_pb2, calls_pb2_grpc
from voiceplane.runtime import grpc_server
from voiceplane.testing.phone import Phone, PhoneSettings, TransferPolicy

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(420)]
ASKS = "Can you track my package?"
PERSON = "I would like to speak to a person."
NUMBER = "It is four five six, seven two one."
MARKS = {  # what happened inside a span, at least
    "sip.invite": {"sip.ringing", "sip.answered", "sip.ack"},
    **dict.fromkeys(("asr", "turn", "tts"), {"QUEUE_START"}),
    "compute": {"COMPUTE_START", "COMPUTE_END"},
}


async def test_a_caller_hears_the_true_status_of_a_parcel(running: Any) -> None:
    outcome = await running.call(ASKS, NUMBER)
    assert outcome.hears("Parcel 456721 is out for delivery and should arrive today before six.")
    assert "out for delivery" in outcome.said
    assert outcome.call.leg.faults == []
    record = outcome.record
    assert (record.outcome, record.end_reason) == ("completed", "caller-hung-up")
    assert outcome.intents == ["track-parcel", "track-parcel"]
    (audit,) = outcome.audits
    assert (audit.tool, audit.decision, audit.outcome) == ("parcel-status", "allowed", "ok")
    assert "456721" not in audit.arguments_redacted_json


async def test_one_trace_follows_the_call_through_every_process_without_orphans(running: Any) -> None:
    outcome = await running.call(ASKS, NUMBER)
    spans: tuple[Any, ...] = ()
    for _ in range(160):  # Triton sends its spans in batches of a few seconds
        spans = await read_trace(running.endpoints.records, outcome.record.call_id)
        known = {span.span_id for span in spans}
        orphans = [span.name for span in spans if span.parent_span_id and span.parent_span_id not in known]
        if (
            {"gateway", "planner", "tools"} <= {span.service for span in spans}
            and not orphans
            and any(span.service.startswith("triton") for span in spans)
        ):
            break
        await asyncio.sleep(0.25)
    assert orphans == []
    assert [span.name for span in spans if not span.parent_span_id] == ["sip.dialog"]
    assert {span.trace_id for span in spans} == {outcome.record.call_id}
    assert tree.answered(spans) == f"answered by {outcome.record.agent} revision {outcome.record.revision}"
    services = {span.service for span in spans}
    assert {"gateway", "planner", "tools"} <= services and any(s.startswith("triton") for s in services)
    asr = next(span for span in spans if span.name == "speech_to_text")
    assert float(asr.attributes["triton.compute_ms"]) > 0
    marks = {name: {event.name for span in spans if span.name == name for event in span.events} for name in MARKS}
    assert all(MARKS[name] <= marks[name] for name in MARKS), marks
    assert not any("pii" in key for span in spans for key in span.attributes)


@pytest.mark.parametrize("codec", ["PCMA", "G722"])
async def test_every_codec_carries_the_conversation(running: Any, codec: str) -> None:
    outcome = await running.call(ASKS, settings=PhoneSettings(codecs=(codec,)))
    assert outcome.record.quality.codec == codec
    assert outcome.hears("What is the six digit parcel number?")


async def test_an_invite_without_an_offer_is_answered_and_understood(running: Any) -> None:
    outcome = await running.call(ASKS, settings=PhoneSettings(offer=False))
    assert outcome.hears("What is the six digit parcel number?")


async def test_digits_may_be_typed(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.ask(ASKS)
        await caller.press("456721#")
        await caller.hear_out()

    led = await running.lead(talk)
    assert [audit.outcome for audit in led.audits] == ["ok"]


async def test_a_caller_who_asks_for_a_person_is_referred_with_a_summary(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.say(PERSON)
        await caller.call.wait_ended(timeout_s=60)

    led = await running.lead(talk, PhoneSettings(transfers=TransferPolicy(result=200)))
    assert led.call.facts.refer_to == "sip:queue@pbx.example"
    assert led.call.facts.refer_headers["x-transfer-summary"] == led.record.summary_pii != ""
    assert led.record.outcome == "transferred"


async def test_a_failed_transfer_is_told_and_the_call_goes_on(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.say(PERSON)
        await caller.referred()
        await caller.hear_out()

    led = await running.lead(talk, PhoneSettings(transfers=TransferPolicy(result=486, hang_up=False)))
    assert "nobody could be reached" in led.said
    assert led.record.outcome != "transferred"


async def test_a_silent_caller_is_asked_again_and_then_let_go(running: Any) -> None:
    async with Phone(running.endpoints.sip) as call:
        await call.wait_ended(timeout_s=60)
        call_id = call.leg.dialog.remote_session_id
        assert call.facts.ended_by == "them"
    record, _ = await running.record(call_id)
    assert (record.outcome, record.end_reason) == ("abandoned", "caller-silent")
    said = " ".join(turn.text_pii for turn in record.turns)
    assert "Are you still there?" in said and "Goodbye" in said


async def test_hold_stops_the_agent_and_resume_brings_it_back(running: Any) -> None:
    async with Phone(running.endpoints.sip) as call:
        await call.wait_for_agent_speech()
        await call.hold()
        await asyncio.sleep(0.3)
        before = call.media.received
        await asyncio.sleep(0.6)
        assert call.media.received - before <= 2
        await call.unhold()
        await until(lambda: call.media.received > before + 50, 20, "for the agent's sound")


async def test_speech_that_dies_in_a_call_is_bridged_and_the_call_goes_on(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        sound = await caller.sound(ASKS)
        saying = asyncio.create_task(caller.call.say(sound))
        await asyncio.sleep(max(0.0, sound.duration_ms / 1000 - 0.5))
        running.kill("speech")  # half a second before the last word: it is away when the turn ends
        await saying
        spoken = asyncio.create_task(caller.call.wait_for_agent_speech(timeout_s=60))
        while not spoken.done():  # it is back in two seconds, and the caller hears of none that is back in time
            if running.stack.pid("speech") is not None:
                running.kill("speech")
            await asyncio.wait([spoken], timeout=0.2)
        await spoken
        await running.restarted("gateway")  # where speech is there again, however long that takes
        await caller.stay(8.0)

    led = await running.lead(talk)
    assert "One moment" in led.said and "parcel number" in led.said, led.replies


async def test_a_tool_gateway_that_dies_in_a_call_is_waited_for(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.ask(ASKS)
        running.kill("tools")
        await caller.press("456721#")
        await running.restarted("tools")
        await caller.hear_out(begin_s=60)
        await caller.stay(6.0)

    led = await running.lead(talk)
    assert "out for delivery" in led.said, led.replies
    await running.restarted("gateway")


async def test_a_planner_replica_that_dies_in_a_call_is_replaced(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await asyncio.to_thread(_kill_replica, running)
        await caller.ask(ASKS)
        await running.restarted("gateway")
        await caller.stay(8.0)

    led = await running.lead(talk)
    assert "parcel number" in led.said, led.replies


def _kill_replica(running: Any) -> None:
    """Kill the planner's replica: a child of this stack's raylet."""
    pid = str(running.stack.pid("planner"))
    found = subprocess.run(["pgrep", "-P", pid, "-f", "raylet"], capture_output=True, text=True, check=True)
    raylet = found.stdout.split()[0]
    subprocess.run(["pkill", "-9", "-P", raylet, "-f", "ServeReplica"], check=True)


async def test_a_gateway_that_is_told_to_stop_finishes_its_calls_first(running: Any) -> None:
    async with Phone(running.endpoints.sip) as call:
        await call.wait_for_agent_speech()
        running.kill("gateway", signal.SIGTERM)
        async with grpc_server.channel(running.endpoints.gateway) as channel:
            stub: Any = calls_pb2_grpc.CallsStub(channel)
            for _ in range(500):  # the signal takes its time
                reply = await stub.List(calls_pb2.ListCallsRequest(), timeout=5)
                if reply.draining:
                    break
                await asyncio.sleep(0.02)
        assert reply.draining and len(reply.calls) == 1
        await call.wait_for_agent_silence(timeout_s=20)
        call_id = call.leg.dialog.remote_session_id
        assert not call.ended
    record, _ = await running.record(call_id)
    assert record.end_reason == "caller-hung-up"
    await running.restarted("gateway")


async def test_records_list_the_calls_newest_first(running: Any) -> None:
    calls = await read_calls(running.endpoints.records, 5)
    assert [call.started_unix_ns for call in calls] == sorted((c.started_unix_ns for c in calls), reverse=True)
