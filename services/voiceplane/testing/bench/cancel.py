"""Cancelled work: how long the speech server goes on with a phrase that nobody waits for, and what a decode may take.

The tts model has two threads. Both are given a long text and a third phrase waits; one text is left, and the server
begins with the third as soon as a thread is free: by its own account of when it computed, so the way back is in it.
"""

import asyncio
import random
from contextlib import AsyncExitStack, aclosing

from voiceplane.contract.audio import SPEECH_RATE
from voiceplane.testing.bench.lines import Goal, Line
from voiceplane.testing.bench.place import Effort, Place
from voiceplane.testing.phone.audio import resample

VOICE = "joe"
THREADS = 2  # of speech/repository/tts
LONG = "Your parcel is on its way to you now and should be with you in the afternoon. " * 25
DICTATED = "My number is four five six seven two one and I would like to know where my parcel is because it is late. "
ASKED_S = 0.1  # the waiting phrase is in the server's queue by then


async def run(place: Place, effort: Effort) -> list[Line]:
    """Leave phrases at random moments, then time whole decodes."""
    dice = random.Random(7)
    stopped = [await _stopped_ms(place, dice.uniform(0.0, 0.4)) for _ in range(effort.pick(40, 8))]
    place.tell(f"cancel: tts free after {', '.join(f'{each:.0f}' for each in stopped)} ms")
    pcm = resample(await place.speak(DICTATED * 2, "slt"), SPEECH_RATE)
    decodes = [(await place.recognizer.recognize(pcm.data)).timing.compute_ms for _ in range(effort.pick(10, 3))]
    seconds = f"{pcm.duration_ms / 1000:.0f} s of speech; nothing stops a decode that runs"
    return [
        Line("a phrase is left to its thread free again", "ms", tuple(stopped), goal=Goal(median=50)),
        Line("a decode, whole", "ms", tuple(decodes), note=seconds),
    ]


async def _stopped_ms(place: Place, moment_s: float) -> float:
    """Return how long the server went on with a phrase after it was left."""
    async with AsyncExitStack() as stack:
        streams = [place.synthesizer.synthesize(LONG, VOICE, sample_rate=8000) for _ in range(THREADS)]
        for stream in streams:
            await stack.enter_async_context(aclosing(stream))
            await anext(stream)
        await asyncio.sleep(moment_s)
        waiting = asyncio.create_task(_begun_at(place), name="waits for a thread")
        await asyncio.sleep(ASKED_S)
        left_at = place.clock.monotonic()
        await streams[0].aclose()
        return (await waiting - left_at) * 1000


async def _begun_at(place: Place) -> float:
    """Return when the server began with a short phrase."""
    asked_at = place.clock.monotonic()
    async with aclosing(place.synthesizer.synthesize("Hello.", VOICE, sample_rate=8000)) as stream:
        return asked_at + (await anext(stream)).timing.queue_ms / 1000
