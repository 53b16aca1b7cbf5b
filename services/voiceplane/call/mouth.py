"""The agent's voice in one call: phrases in, audio to playout, what the caller heard out. Used by call.talk."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar

from voiceplane.call.shields import Shield
from voiceplane.contract.audio import Pcm, WordTime

T = TypeVar("T")
BROKEN_S = 1.0  # silence in a sentence: what comes after so long is no part of it for the ear
LOOK_S = 0.1


class Source(Enum):
    """Where speech came from: only the last was synthesized while the caller waited."""

    CACHED = "cached"
    REHEARSED = "rehearsed"
    SYNTHESIZED = "synthesized"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of synthesized speech with the words that lie in it, in milliseconds from its start."""

    pcm: Pcm
    words: tuple[WordTime, ...]
    source: Source = Source.SYNTHESIZED
    synthesis_ms: float = 0.0  # from asking the voice to this piece; 0: cached


class Speaker(Protocol):
    """Where speech comes from; constant phrases come from a cache."""

    def speak(self, text: str, *, constant: bool) -> AsyncGenerator[Chunk, None]:
        """Yield the speech of one phrase in order; closing it stops the synthesis."""
        ...


class Playout(Protocol):
    """Where speech goes to: the caller's line."""

    async def play(self, chunk: Chunk) -> None:
        """Append to what will be sent; waits while enough is queued."""
        ...

    async def drained(self) -> None:
        """Wait until all that was appended has been sent."""
        ...

    def clear(self) -> None:
        """Fade out and drop what was not sent."""
        ...

    def suspend(self) -> None:
        """Fade out and keep the rest."""
        ...

    def resume(self) -> None:
        """Go on with the rest at a word's beginning."""
        ...

    def begin(self) -> None:
        """Start counting what is heard anew: a new turn of the agent."""
        ...

    def heard(self) -> str:
        """Return the words of this turn that were sent whole."""
        ...

    def remaining_s(self) -> float:
        """Return the seconds of speech that have not left."""
        ...

    def shield(self, shield: Shield) -> None:
        """Let nothing interrupt what is appended until unshield(), or its beginning."""
        ...

    def unshield(self) -> None:
        """End the shield where the appended speech ends."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn of the agent: what was heard of it."""

    text: str
    interrupted: bool


class Mouth:
    """Speaks one turn at a time; an interruption ends the turn at once and stays until the next turn begins."""

    def __init__(self, speaker: Speaker, playout: Playout) -> None:
        """Speak with this voice into this line."""
        self._speaker = speaker
        self._playout = playout
        self._interrupted = asyncio.Event()
        self._lock = asyncio.Lock()  # held for a chunk of a reply, and for a whole sentence beside it: they never mix
        self._sounded = False  # speech came in this turn
        self.first_speech: Callable[[Chunk], None] = lambda chunk: None  # told of it, for the record
        self._mid_phrase = False  # a part of a phrase is queued, the rest still comes
        self._broken = False  # a sentence came between its words
        self._shield: Shield | None = None  # of the phrase that is being said

    def begin(self) -> None:
        """Begin a turn of the agent."""
        self._interrupted.clear()
        self._sounded = False
        self._playout.begin()

    @property
    def interrupted(self) -> bool:
        """Say whether the caller has taken the floor in this turn."""
        return self._interrupted.is_set()

    def interrupt(self) -> None:
        """Fade out now; nothing more of this turn is spoken."""
        self._interrupted.set()
        self._playout.clear()

    async def until_interrupted(self) -> None:
        """Wait until the caller has taken the floor in this turn."""
        await self._interrupted.wait()

    def duck(self) -> None:
        """Fade out now and keep the rest: the caller makes a sound."""
        self._playout.suspend()

    def resume(self) -> None:
        """Go on: the sound was nothing for us."""
        self._playout.resume()

    async def phrase(self, text: str, *, constant: bool = False, shield: Shield | None = None) -> None:
        """Synthesize a phrase and queue it, shielded from interruption; returns early when the turn is interrupted."""
        if not text.strip() or self._interrupted.is_set():
            return
        self._shield = shield
        self._shield_phrase()  # from here on: a caller must not slip in before its first sound
        try:
            while not await self._spoken(text, constant=constant):
                pass
        finally:
            self._mid_phrase, self._shield = False, None
            if shield is not None:
                self._playout.unshield()

    def _shield_phrase(self) -> None:
        if self._shield is not None:
            self._playout.shield(self._shield)

    async def _spoken(self, text: str, *, constant: bool) -> bool:
        """Queue a phrase; False when another sentence came between its words: it is to be said from its beginning."""
        self._broken = False
        async with aclosing(self._speaker.speak(text, constant=constant)) as chunks:
            while not self._interrupted.is_set():
                chunk = await self._until_interrupted(_next(chunks))
                if chunk is None:
                    break
                if self._broken:
                    return False
                async with self._lock:
                    await self._queue(chunk)
                self._mid_phrase = True
        return True

    async def _queue(self, chunk: Chunk) -> None:
        if not self._sounded:
            self._sounded = True
            self.first_speech(chunk)
        await self._until_interrupted(self._playout.play(chunk))

    @property
    def heard(self) -> str:
        """Return the words of this turn that the caller has heard until now."""
        return self._playout.heard()

    async def interject(
        self, text: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, *, shield: Shield | None = None
    ) -> None:
        """Say a constant sentence while a phrase is waited for; between the words of one only after a long silence.

        The sentence that broke off is said anew after it. One that goes on, or is whole, needs nothing said.
        """
        if self._mid_phrase and not await self._broke_off(sleep):
            return
        if self._lock.locked() or self._interrupted.is_set():
            return
        async with self._lock, aclosing(self._speaker.speak(text, constant=True)) as chunks:
            if shield is not None:
                self._playout.shield(shield)
            try:
                while not self._interrupted.is_set():
                    chunk = await self._until_interrupted(_next(chunks))
                    if chunk is None:
                        break
                    await self._queue(chunk)
            finally:
                if shield is not None:
                    self._playout.unshield()
                self._shield_phrase()  # what it may have of its first milliseconds begins behind this sentence

    async def _broke_off(self, sleep: Callable[[float], Awaitable[None]]) -> bool:
        """Wait until the phrase that is being said is whole, or silent in its middle for too long."""
        silent_s = 0.0
        while self._mid_phrase and silent_s < BROKEN_S:
            await sleep(LOOK_S)
            silent_s = silent_s + LOOK_S if self._playout.remaining_s() <= 0.0 else 0.0
        self._broken = self._mid_phrase
        self._mid_phrase = False
        return self._broken

    async def finish(self) -> Spoken:
        """Wait until the turn was heard or interrupted, and say what was heard."""
        await self._until_interrupted(self._playout.drained())
        return Spoken(self._playout.heard(), self._interrupted.is_set())

    async def _until_interrupted(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await a piece of work; an interruption cancels it, and None is returned."""
        task = asyncio.ensure_future(work)
        cut = asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait({task, cut}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for pending in (task, cut):
                if not pending.done():
                    pending.cancel()
            await asyncio.gather(task, cut, return_exceptions=True)


async def _next(chunks: AsyncGenerator[Chunk, None]) -> Chunk | None:
    return await anext(chunks, None)
