"""The caller of these tests: leads one call, and knows what was spoken.

An agent is silent between two phrases, and after "One moment, please", for as long as a busy machine needs. So a caller
speaks when the gateway says that it listens, not only when it is silent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from voiceplane.cli.conversation import Line, agent_speech
from voiceplane.cli.voices import FliteVoice
from voiceplane.contract.audio import Pcm
from voiceplane.rpc.v1 import calls_pb2
from voiceplane.runtime.clock import SystemClock
from voiceplane.testing.phone import PhoneCall
from voiceplane.testing.phone.ear import Ear

QUIET_S = 0.7
BEGIN_S = 45.0  # to the agent's first sound
LONG_S = 90.0  # of a turn of the agent, with all that it waits for


async def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    """Wait until something is so; TimeoutError tells what never came."""
    for _ in range(int(limit_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"waited {limit_s:.0f} s {what}")


@dataclass(slots=True)
class Caller:
    """A call that goes on."""

    call: PhoneCall
    calls: Any  # stub of the gateway's Calls service
    spoken: list[str] = field(default_factory=list)
    audio: list[Pcm] = field(default_factory=list)
    _taken: int = 0

    async def follow(self, *lines: str | Line) -> None:
        """Hear the opening, then say or press one thing after another, each when the agent has finished."""
        await self.hear_out()
        for line in lines:
            if isinstance(line, str):
                await self.say(line)
            else:
                await (self.say(line.say) if line.say is not None else self.press(line.keys or ""))
            await self.hear_out()

    async def ask(self, words: str) -> None:
        """Say something and hear the answer out."""
        await self.say(words)
        await self.hear_out()

    async def say(self, words: str) -> None:
        """Say something."""
        await self.call.say(await self.sound(words))

    async def sound(self, words: str) -> Pcm:
        """Return a sentence that the test is about to say."""
        self.spoken.append(words)
        return await FliteVoice().speak(words)

    async def press(self, keys: str) -> None:
        """Press keys."""
        self.spoken.append(keys)
        await self.call.dtmf(keys)

    async def hear_out(self, *, begin_s: float = BEGIN_S) -> None:
        """Wait until the agent has answered since the caller's last word, and listens again."""
        await self.call.wait_for_agent_speech(begin_s)
        ear = Ear(self.call, SystemClock())
        async with asyncio.timeout(LONG_S):
            await ear.quiet(QUIET_S, LONG_S)
            while not await self._is_listened_to():
                await ear.rest(0.1)
                await ear.quiet(QUIET_S, LONG_S)
        sound, self._taken = agent_speech(self.call, self._taken)
        self.audio += [] if sound is None else [sound]

    async def stay(self, seconds: float) -> None:
        """Wait for so long, and until the agent has been silent for that time."""
        ear = Ear(self.call, SystemClock())
        await ear.rest(seconds)
        await ear.quiet(seconds, LONG_S)

    async def referred(self, limit_s: float = 45.0) -> None:
        """Wait until the agent has asked the phone to call somebody else."""
        await until(lambda: self.call.facts.refer_to is not None, limit_s, "to be transferred")

    async def _is_listened_to(self) -> bool:
        listed = await self.calls.List(calls_pb2.ListCallsRequest(), timeout=10)
        states = [each.state for each in listed.calls if each.call_id == self.call.leg.dialog.remote_session_id]
        return states in (["listening"], [])  # of a call that has ended nothing more is heard
