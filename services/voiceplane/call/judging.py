"""The turn model's word on each pause of the caller, asked as soon as its sound is there. Used by call.listening."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.call.ears import WINDOW_BYTES
from voiceplane.call.site import Site
from voiceplane.speech.errors import SpeechError

JUDGED_SILENCE = bytes(2 * 16 * 250)  # the turn model is asked "if silence follows": it is surer after 0.3 s of it
ASSUMED_SILENCE = JUDGED_SILENCE + bytes(WINDOW_BYTES)  # where it is asked ahead, one window sooner: the same sound


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked at the first silent window, `at` loop seconds: a pause only if that was the last sound."""

    at: float
    answer: asyncio.Task[float | None]


class Judging:
    """Asks about one pause after another; the last that may become one may be asked ahead."""

    def __init__(self, site: Site, tasks: asyncio.TaskGroup, judged: Callable[[int, float], None]) -> None:
        """Tell `judged` the number of a pause and how likely the caller is done."""
        self._site = site
        self._tasks = tasks
        self._judged = judged
        self._ahead: _Question | None = None

    def ahead(self, audio: bytes, *, at: float) -> None:
        """Ask about a silence that may become a pause."""
        self.forget()
        self._ahead = _Question(at, self._tasks.create_task(self._ask(audio + ASSUMED_SILENCE), name="judge-ahead"))

    def pause(self, number: int, audio: bytes, *, silent_since: float) -> None:
        """Tell of a pause: what was asked ahead, if nothing was said since then."""
        asked, self._ahead = self._ahead, None
        if asked is not None and asked.at < silent_since:
            asked.answer.cancel()
            asked = None
        answer = (
            self._tasks.create_task(self._ask(audio + JUDGED_SILENCE), name="judge") if asked is None else asked.answer
        )
        self._tasks.create_task(self._tell(number, answer), name=f"judge-{number}")

    def forget(self) -> None:
        """Drop what was asked ahead: the caller spoke on, or the call ends."""
        if self._ahead is not None:
            self._ahead.answer.cancel()
            self._ahead = None

    async def _ask(self, audio: bytes) -> float | None:
        try:
            return (await self._site.judge.end_probability(audio)).probability
        except SpeechError:
            return None  # no verdict: the longest pause decides

    async def _tell(self, number: int, answer: asyncio.Task[float | None]) -> None:
        probability = await answer
        if probability is not None:
            self._judged(number, probability)
