"""An answer that can be taken back until it is committed, as a task of its own. Held by call.talk."""

import asyncio
from collections.abc import Coroutine


class Retractable:
    """The answer to one turn: the caller who goes on takes the turn's end back while nothing was heard."""

    def __init__(self) -> None:
        """Start without an answer."""
        self._task: asyncio.Task[None] | None = None
        self._committed = False

    @property
    def open(self) -> bool:
        """Say whether there is an answer that can still be taken back."""
        return self._task is not None and not self._committed

    def commit(self) -> None:
        """Let the answer stand, whatever the caller says now."""
        self._committed = True

    def take_back(self) -> None:
        """Stop the answer that is being made."""
        if self._task is not None:
            self._task.cancel()

    async def run(self, answer: Coroutine[None, None, None]) -> None:
        """Answer; return also when it was taken back."""
        self._committed = False
        self._task = task = asyncio.create_task(answer, name="answer")
        try:
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()
        finally:
            self._task = None
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
