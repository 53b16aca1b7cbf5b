"""Cancelled work: how long each process goes on with what nobody waits for any more.

The tts model has two threads. Both are given a long text and a third phrase waits; one text is left, and the server
begins with the third as soon as a thread is free: by its own account of when it computed, so the way back is in it.
A recognition that runs alone is left; by Triton's own counters its instance is free when it counts as ended.
"""

import asyncio
import json
import random
import urllib.request
from contextlib import AsyncExitStack, aclosing

from voiceplane.contract.audio import SPEECH_RATE
from voiceplane.testing.bench import left
from voiceplane.testing.bench.lines import Goal, Line
from voiceplane.testing.bench.place import Effort, Place
from voiceplane.testing.phone.audio import resample

VOICE = "joe"
THREADS = 2  # of speech/repository/tts
LONG = "Your parcel is on its way to you now and should be with you in the afternoon. " * 25
SENTENCE = "I would like to know where my parcel is, please."
DICTATED = "My number is four five six seven two one and I would like to know where my parcel is because it is late. "
LONG_S = 10.0  # an end that has not been seen by then is none
LOOK_S = 0.001
GOAL = Goal(median=50)
ASKED_S = 0.1  # the waiting phrase is in the server's queue by then


async def run(place: Place, effort: Effort) -> list[Line]:
    """Leave phrases, recognitions, replies and a tool at random moments."""
    dice = random.Random(7)
    stopped = [await _stopped_ms(place, dice.uniform(0.0, 0.4)) for _ in range(effort.pick(40, 8))]
    place.tell(f"cancel: tts free after {', '.join(f'{each:.0f}' for each in stopped)} ms")
    lines = [Line("a phrase is left to its thread free again", "ms", tuple(stopped), goal=GOAL)]
    for what, words in (("a sentence", SENTENCE), ("a long utterance", DICTATED * 2)):
        lines += await _recognitions(place, what, words, [dice.uniform(0.0, 1.0) for _ in range(effort.pick(30, 8))])
    return lines + await left.run(place, effort)


async def _recognitions(place: Place, what: str, words: str, moments: list[float]) -> list[Line]:
    """Leave recognitions at these parts of their usual time; those that had ended by then are left out."""
    pcm = resample(await place.speak(words, "slt"), SPEECH_RATE)
    whole = [(await place.recognizer.recognize(pcm.data)).timing for _ in range(5)]
    usual_s = sorted(timing.total_ms for timing in whole)[2] / 1000
    found = [await _freed_ms(place, pcm.data, moment * usual_s) for moment in moments]
    about = f"{what} of {pcm.duration_ms / 1000:.1f} s"
    return [
        Line(f"a recognition is left to its instance free again, {about}", "ms", tuple(filter(None, found)), goal=GOAL),
        Line(f"a recognition, whole, {about}", "ms", tuple(timing.compute_ms for timing in whole)),
    ]


async def _freed_ms(place: Place, audio: bytes, moment_s: float) -> float | None:
    """Return how long a recognition went on after it was left, None when it had ended."""
    ended = await _ended(place)
    asking = asyncio.create_task(place.recognizer.recognize(audio), name="recognition to be left")
    await asyncio.sleep(moment_s)
    if asking.done() or await _ended(place) > ended:
        await asking
        return None
    left_at = place.clock.monotonic()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await _until_another_ended(place, ended)
    return (place.clock.monotonic() - left_at) * 1000


async def _until_another_ended(place: Place, ended: int) -> None:
    async with asyncio.timeout(LONG_S):
        for _ in range(int(LONG_S / LOOK_S)):
            if await _ended(place) > ended:
                return
            await asyncio.sleep(LOOK_S)


async def _ended(place: Place) -> int:
    """Return how many recognitions Triton counts as ended, well or not."""

    def fetch() -> int:
        with urllib.request.urlopen(f"http://{place.speech_http}/v2/models/asr/stats", timeout=5.0) as answer:
            counted = json.load(answer)["model_stats"][0]["inference_stats"]
        return int(counted["success"]["count"]) + int(counted["fail"]["count"])

    return await asyncio.to_thread(fetch)


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
