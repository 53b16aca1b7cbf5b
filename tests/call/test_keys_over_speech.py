"""A caller who types over the agent's speech, over real SIP and RTP: it is silent from the first key on."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.call.joined import AGENT, Planner, joined
from tests.waiting import until

from voiceplane.contract.audio import Pcm
from voiceplane.contract.dialogue import CallerSaid, HeardTurn, Say
from voiceplane.testing.phone import Phone

LONG = " ".join(f"word{number}" for number in range(80))  # 4.8 s
VOICE = Pcm((9000 * np.sin(np.arange(8000) / 3)).astype("<i2").tobytes(), 8000)  # 1 s


async def test_the_agent_is_silent_from_the_first_key_on_and_the_next_request_holds_what_was_heard(
    tmp_path: Path,
) -> None:
    desk = Planner({"0": (Say(LONG),), "45": (Say("Thanks."),)})
    async with joined(tmp_path, planner=desk) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("0#")
            await call.wait_for_agent_speech()
            await asyncio.sleep(0.5)
            began = asyncio.get_running_loop().time()
            await call.dtmf("4")
            await call.wait_for_agent_silence(quiet_ms=300)  # no # and no pause of 1.5 s yet
            assert asyncio.get_running_loop().time() - began < 1.2
            assert len(desk.asked) == 1
            await call.dtmf("5#")
            await until(lambda: len(desk.asked) == 2)
            asked = desk.asked[-1]
            await call.wait_for_agent_speech()
        record = await gateway.record()
    assert asked.input == CallerSaid("45", keys=True)
    heard = [turn.text for turn in asked.history if isinstance(turn, HeardTurn) and turn.speaker == "agent"][-1]
    assert LONG.startswith(heard) and 5 <= len(heard.split()) <= 30
    assert heard in [turn.text_pii for turn in record.turns]


async def test_a_hash_alone_stops_nobody(tmp_path: Path) -> None:
    desk = Planner({"0": (Say(LONG),)})
    async with joined(tmp_path, planner=desk) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            await call.dtmf("0#")
            await call.wait_for_agent_speech()
            await call.dtmf("##")
            await call.wait_for_agent_silence(quiet_ms=1000)
        record = await gateway.record()
    assert LONG in [turn.text_pii for turn in record.turns]


async def test_a_caller_who_takes_long_to_type_is_not_asked_whether_he_is_there(tmp_path: Path) -> None:
    async with joined(tmp_path) as gateway:  # silence.askAfter is 2 s
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            for key in "1234":
                await call.dtmf(key)
                await asyncio.sleep(1.0)
            await until(lambda: gateway.planner.asked)
            await call.wait_for_agent_speech()
            await call.wait_for_agent_silence(quiet_ms=300)
        record = await gateway.record()
    assert [turn.text_pii for turn in record.turns][:2] == ["Hello.", "1234"]


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_caller_who_speaks_or_types_over_the_goodbye_is_not_let_go(tmp_path: Path, speaks: bool) -> None:
    farewell = ("Bye bye " * 40).strip()
    agent = AGENT.replace('goodbye: "Bye."', f'goodbye: "{farewell}."').replace("asks: 1", "asks: 0")
    async with joined(tmp_path, agent=agent) as gateway:
        async with Phone(gateway.target) as call:
            await call.wait_for_agent_silence(quiet_ms=300)
            before = call.media.sounds
            await until(lambda: call.media.sounds > before + 25)  # 0.5 s of the goodbye
            await (call.say(VOICE) if speaks else call.dtmf("7#"))
            await until(lambda: gateway.site.hub.live()[0].turns == 4)  # opening, goodbye, caller, reply
        record = await gateway.record()
    assert record.end_reason == "caller-hung-up"
    texts = [turn.text_pii for turn in record.turns]
    assert texts[-2:] == ["when are you open" if speaks else "7", "Yes."]
    assert texts[-3].startswith("Bye bye") and farewell.startswith(texts[-3]) and texts[-3] != farewell
