"""The second ear: a larger recognizer hears a pause's doubtful words once more, while the turn waits. For listening.

One question a pause. Where the first recognizer is slow, which is how a loaded machine shows, there is none, but for
half a number, late in its long wait (turn.hearings). An answer counts only while its pause lasts: who goes on, or whose
turn is over, has said something else, or has been answered.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from voiceplane.runtime.metrics import SECOND_HEARINGS
from voiceplane.speech.errors import SpeechError
from voiceplane.speech.ports import Transcript
from voiceplane.turn.hearings import second_stands
from voiceplane.turn.reading import Reading


class Listener(Protocol):
    """The call as the second ear needs it."""

    async def hear_again(self) -> Transcript:
        """Return the running utterance's words by the larger recognizer; SpeechError."""
        ...

    def understand(self, words: Transcript, told: Callable[[Reading], None]) -> None:
        """Have the planner say what words mean; `told` gets their sign for the turn."""
        ...

    def believe(self, pause: int, words: Transcript, reading: Reading) -> None:
        """Let these words stand for a pause."""
        ...


@dataclass(slots=True)
class _Question:
    """A pause whose words are doubtful."""

    pause: int
    words: Transcript
    after_s: float
    asking: asyncio.Task[None] | None = None
    asked: bool = False


class SecondEar:
    """Asks about the pauses of one call, one at a time."""

    def __init__(self, listener: Listener, tasks: asyncio.TaskGroup) -> None:
        """Ask for this listener; the questions are the call's tasks."""
        self._listener, self._tasks = listener, tasks
        self._asked = 0  # the last pause that was asked about
        self._question: _Question | None = None

    def doubt(self, pause: int, words: Transcript, *, after_s: float) -> None:
        """Ask about a pause in so many seconds, once."""
        if pause == self._asked:
            return
        self.forget()
        self._asked, self._question = pause, _Question(pause, words, after_s)
        self._question.asking = self._tasks.create_task(self._ask(self._question), name="second-ear")

    def forget(self) -> None:
        """Leave the question: its pause is over."""
        question, self._question = self._question, None
        if question is not None and question.asking is not None:
            question.asking.cancel()
            if question.asked:
                SECOND_HEARINGS.labels("late").inc()

    async def _ask(self, question: _Question) -> None:
        await asyncio.sleep(question.after_s)
        question.asked = True
        try:
            heard = await self._listener.hear_again()
        except SpeechError:  # the first words stand
            if question is self._question:
                self._question = None
                SECOND_HEARINGS.labels("failed").inc()
            return
        if heard.text:
            self._listener.understand(heard, lambda reading: self._choose(question, heard, reading))
        else:
            self._choose(question, heard, Reading.EMPTY)

    def _choose(self, question: _Question, heard: Transcript, reading: Reading) -> None:
        if question is not self._question:
            return
        self._question = None
        stands = second_stands(reading, first=question.words.text, heard=heard.text)
        SECOND_HEARINGS.labels("taken" if stands else "left").inc()
        if stands:
            self._listener.believe(question.pause, heard, reading)
        elif heard.text and question.words.text:
            self._listener.understand(question.words, lambda _: None)  # the reply to them is made again
