"""Transfers and holds through every real process: longer than the agent would wait for a silent caller."""

import asyncio
from typing import Any

import pytest
from tests.e2e.caller import Caller

from voiceplane.testing.phone import PhoneSettings, TransferPolicy

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(420)]
PERSON = "I would like to speak to a person."
OPEN = "What are your opening hours?"
LONG_S = 15.0  # the agent asks a silent caller after 10 s (conftest)


async def test_a_target_that_rings_for_long_gets_the_call_with_a_summary(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.say(PERSON)
        await caller.call.wait_ended(timeout_s=60)

    led = await running.lead(talk, PhoneSettings(transfers=TransferPolicy(after_s=LONG_S)))
    record, facts = led.record, led.call.facts
    assert (record.outcome, record.end_reason) == ("transferred", "transferred")
    assert "still there" not in led.said
    assert facts.refer_to == "sip:queue@pbx.example"
    summary = facts.refer_headers["x-transfer-summary"]
    assert summary == record.summary_pii
    assert summary.startswith("The caller asked for a person.") and "Last words:" in summary


async def test_a_transfer_that_fails_late_is_told_and_the_call_goes_on(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.say(PERSON)
        await caller.referred()
        await caller.hear_out()
        await caller.ask(OPEN)

    led = await running.lead(talk, PhoneSettings(transfers=TransferPolicy(result=486, after_s=LONG_S)))
    assert "nobody could be reached" in led.said
    assert "eight in the morning" in led.replies[-1] and "still there" not in led.said, led.replies
    assert led.record.end_reason == "caller-hung-up"


async def test_a_caller_who_comes_back_from_a_long_hold_goes_on_where_he_was(running: Any) -> None:
    async def talk(caller: Caller) -> None:
        await caller.hear_out()
        await caller.call.hold()
        await asyncio.sleep(LONG_S)
        await caller.call.unhold()
        await asyncio.sleep(1.0)
        await caller.ask(OPEN)

    led = await running.lead(talk)
    assert "eight in the morning" in led.replies[-1], led.replies
    assert "still there" not in led.said and led.replies[0] not in led.replies[1:], led.replies
