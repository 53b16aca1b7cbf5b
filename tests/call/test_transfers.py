"""Giving the call to a person, through the whole join: what the caller hears meanwhile, and what is recorded."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.call.joined import Joined, Planner, joined

from voiceplane.call.patience import Patience
from voiceplane.contract.audio import Pcm
from voiceplane.contract.dialogue import PlannerUnavailableError, Say, Transfer
from voiceplane.testing.phone import Phone, PhoneCall, PhoneSettings, TransferPolicy

WISH = Transfer("requested", "The caller asked for a person.")
TALK = Pcm((8000 * np.sin(np.arange(16_000) * 0.2)).astype("<i2").tobytes(), 16_000)


def desk() -> Planner:
    return Planner({"0": (Say("One moment."), WISH)})


def settings(result: int, *, accept: int = 202, after_s: float = 0.0) -> PhoneSettings:
    return PhoneSettings(transfers=TransferPolicy(accept, result, after_s=after_s))


async def ask_for_a_person(call: PhoneCall) -> None:
    await call.wait_for_agent_silence(quiet_ms=300)
    await call.dtmf("0#")
    await call.wait_for_agent_silence(quiet_ms=300)


async def told(gateway: Joined, kind: str, *facts: tuple[str, str]) -> None:
    async with asyncio.timeout(20):
        async for event in gateway.site.hub.watch(""):
            if event.kind == kind and set(facts) <= set(event.facts):
                return


async def test_a_target_that_rings_long_is_waited_for_without_a_question_or_a_turn(tmp_path: Path) -> None:
    async with joined(tmp_path, planner=desk()) as gateway:
        async with Phone(gateway.target, settings(200, after_s=7.0)) as call:  # silence is asked about after 2 s
            await ask_for_a_person(call)
            asked, recognized, sounds = len(gateway.planner.asked), gateway.speech.recognized, call.media.sounds
            await call.say(TALK)
            await call.wait_ended()
            assert (len(gateway.planner.asked), gateway.speech.recognized) == (asked, recognized)
            assert call.media.sounds == sounds
        record = await gateway.record()
    assert (record.outcome, record.end_reason) == ("transferred", "transferred")
    assert call.facts.refer_headers["x-transfer-summary"] == WISH.summary == record.summary_pii


async def test_when_nobody_takes_the_call_the_agent_says_so_and_goes_on(tmp_path: Path) -> None:
    async with joined(tmp_path, planner=desk()) as gateway:
        async with Phone(gateway.target, settings(486, after_s=3.0)) as call:
            await ask_for_a_person(call)
            await call.dtmf("5")  # to nobody
            await told(gateway, "transfer")
            await call.wait_for_agent_silence(quiet_ms=400)
            await call.dtmf("7#")
            await call.wait_for_agent_silence(quiet_ms=400)
        record = await gateway.record()
    said = [(turn.speaker, turn.text_pii) for turn in record.turns]
    assert said == [
        ("agent", "Hello."),
        ("caller", "0"),
        ("agent", "One moment."),
        ("agent", "I am sorry, nobody could be reached just now."),
        ("caller", "7"),
        ("agent", "Yes."),
    ]
    assert record.end_reason == "caller-hung-up"


@pytest.mark.parametrize(("accept", "reason"), [(202, "transferred"), (603, "caller-hung-up")])
async def test_a_bye_after_an_accepted_refer_completes_it_and_after_a_refused_one_does_not(
    tmp_path: Path, accept: int, reason: str
) -> None:
    async with joined(tmp_path, planner=desk()) as gateway:
        async with Phone(gateway.target, settings(200, accept=accept, after_s=60.0)) as call:
            asking = asyncio.create_task(ask_for_a_person(call))
            await told(gateway, "state", ("state", "transferring"))
            await asyncio.sleep(0.3)
            await call.hang_up()
            await asyncio.gather(asking, return_exceptions=True)
        record = await gateway.record()
    assert record.end_reason == reason


async def test_an_operators_transfer_carries_what_was_heard(tmp_path: Path) -> None:
    async with joined(tmp_path) as gateway:
        async with Phone(gateway.target, settings(200)) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("12#")
            await call.wait_for_agent_silence(quiet_ms=300)
            (live,) = gateway.site.hub.live()
            assert live.turns == 3
            live.transfer.put_nowait("sip:chief@pbx.example")
            await call.wait_ended()
        record = await gateway.record()
    assert call.facts.refer_to == "sip:chief@pbx.example"
    summary = call.facts.refer_headers["x-transfer-summary"]
    assert summary == record.summary_pii == 'An operator gave the call to a person. Last words: "12".'


async def test_a_planner_that_is_away_ends_in_a_transfer_with_a_summary(tmp_path: Path) -> None:
    class Away(Planner):
        def reply(self, request: object) -> object:  # type: ignore[override]
            raise PlannerUnavailableError

    patience = Patience(give_up_s=0.5)
    async with joined(tmp_path, planner=Away(), patience=patience) as gateway:
        async with Phone(gateway.target, settings(200)) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("12#")
            await call.wait_ended()
        record = await gateway.record()
    assert record.outcome == "transferred"
    assert 'technical problem. Last words: "12"' in record.summary_pii
    assert call.facts.refer_headers["x-transfer-summary"] == record.summary_pii
    assert "cannot go on" in record.turns[-1].text_pii


async def test_turns_are_dated_by_the_first_and_the_last_sound(tmp_path: Path) -> None:
    async with joined(tmp_path) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.say(TALK)
            await call.wait_for_agent_silence(quiet_ms=300)
        record = await gateway.record()
    opening, caller, reply = record.turns
    assert 0.7 <= (caller.ended_unix_ns - caller.started_unix_ns) / 1e9 <= 1.3  # TALK is 1 s
    for turn in (opening, reply):
        spoken_s = (turn.ended_unix_ns - turn.started_unix_ns) / 1e9
        assert spoken_s >= 0.03  # a word is 60 ms
    assert opening.ended_unix_ns <= caller.started_unix_ns < caller.ended_unix_ns <= reply.started_unix_ns
