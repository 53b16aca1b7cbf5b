"""Transfers and holds through every real process: longer than the agent would wait for a silent caller."""

import asyncio
from typing import Any

import pytest

from voiceplane.testing.phone import Phone, PhoneSettings, TransferPolicy

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
PERSON = "I want to talk to a person."
OPEN = "When are you open?"
LONG_S = 15.0  # the agent asks a silent caller after 10 s (conftest)


async def test_a_target_that_rings_for_long_gets_the_call_with_a_summary(running: Any) -> None:
    settings = PhoneSettings(transfers=TransferPolicy(after_s=LONG_S))
    async with Phone(running.endpoints.sip, settings) as call:
        await call.wait_for_agent_silence(timeout_s=20)
        await running.ask(call, PERSON)
        await call.wait_ended(timeout_s=60)
        call_id = call.leg.dialog.remote_session_id
    record, _ = await running.record(call_id)
    assert (record.outcome, record.end_reason) == ("transferred", "transferred")
    assert not any("still there" in turn.text_pii for turn in record.turns)
    assert call.facts.refer_to == "sip:queue@pbx.example"
    summary = call.facts.refer_headers["x-transfer-summary"]
    assert summary == record.summary_pii
    assert summary.startswith("The caller asked for a person.") and "Last words:" in summary


async def test_a_transfer_that_fails_late_is_told_and_the_call_goes_on(running: Any) -> None:
    settings = PhoneSettings(transfers=TransferPolicy(result=486, after_s=LONG_S))
    async with Phone(running.endpoints.sip, settings) as call:
        await call.wait_for_agent_silence(timeout_s=20)
        await running.ask(call, PERSON)
        await asyncio.sleep(LONG_S)
        await call.wait_for_agent_silence(timeout_s=20)
        await running.ask(call, OPEN)
        call_id = call.leg.dialog.remote_session_id
    record, _ = await running.record(call_id)
    said = [turn.text_pii for turn in record.turns if turn.speaker == "agent"]
    assert any("nobody could be reached" in text for text in said), said
    assert "eight in the morning" in said[-1] and not any("still there" in text for text in said), said
    assert record.end_reason == "caller-hung-up"


async def test_a_caller_who_comes_back_from_a_long_hold_goes_on_where_he_was(running: Any) -> None:
    async with Phone(running.endpoints.sip) as call:
        await call.wait_for_agent_silence(timeout_s=20)
        await call.hold()
        await asyncio.sleep(LONG_S)
        await call.unhold()
        await asyncio.sleep(1.0)
        await running.ask(call, OPEN)
        call_id = call.leg.dialog.remote_session_id
    record, _ = await running.record(call_id)
    said = [turn.text_pii for turn in record.turns if turn.speaker == "agent"]
    assert "eight in the morning" in said[-1], said
    assert not any("still there" in text or text == said[0] for text in said[1:]), said
