"""Calls for the end-to-end test: a test phone that asks one thing after another and hears the answers as words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.alike import alike, closest

from voiceplane.cli.conversation import agent_speech
from voiceplane.cli.voices import CallerVoice, transcribe
from voiceplane.contract.agent import Phrases
from voiceplane.speech.client import TritonSpeech
from voiceplane.testing.phone import Phone, PhoneCall

AGENT_S = 30.0  # the longest wait for the agent's first sound: the two cores here are busy
TRIES = 3
LATE_S = 4.0
BRIDGE = Phrases().bridge


class Caller:
    """A call that goes on."""

    def __init__(self, call: PhoneCall, voice: CallerVoice, ears: TritonSpeech) -> None:
        """Speak with a voice, hear by Triton's recognizer."""
        self._call, self._voice, self._ears = call, voice, ears
        self._taken = 0

    @property
    def live(self) -> bool:
        """Say whether nobody has hung up."""
        return not self._call.ended

    async def listen(self) -> str:
        """Wait until the agent has finished speaking; return its words."""
        await self._call.wait_for_agent_silence(timeout_s=AGENT_S)
        sound, self._taken = agent_speech(self._call, self._taken)
        return await transcribe(self._ears, sound) if sound is not None else ""

    async def ask(self, words: str) -> str:
        """Say something; return the agent's answer."""
        sound = await self._voice.speak(words)
        self._taken = len(self._call.recording.agent.samples())
        await self._call.say(sound)
        heard = await self.listen()
        for _ in range(TRIES):  # it was cut short or made to wait, and its answer is late: to ask again would cut that
            if heard and (len(heard) > 2 * len(BRIDGE) or not alike(heard, BRIDGE)):
                break
            await asyncio.sleep(LATE_S)
            heard = await self.listen()
        return heard

    async def ask_until(self, words: str, *answers: str) -> str:
        """Ask until one of the answers is heard: a silent caller is first asked whether he is still there."""
        heard = ""
        for _ in range(TRIES):
            heard = await self.ask(words)
            if closest(heard, *answers):
                break
        return heard


@contextlib.asynccontextmanager
async def calling(target: str, voice: CallerVoice, ears: TritonSpeech) -> AsyncIterator[Caller]:
    """Call until the block ends."""
    async with Phone(target) as call:
        try:
            yield Caller(call, voice, ears)
        finally:
            await call.hang_up()
