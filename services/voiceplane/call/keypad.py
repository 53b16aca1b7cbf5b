"""The caller's keys, gathered to answers: a pause or # ends one. Used by call.listening."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

KEY_PAUSE_S = 1.5  # after this long without a key, the keys are the caller's answer
MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class KeysPressed:
    """The caller typed instead of speaking, from the first key to the last."""

    keys: str
    at: float
    since: float
    until: float


class Keypad:
    """What one caller types; `taken` is called when it becomes an answer."""

    def __init__(self, taken: Callable[[], None]) -> None:
        """Begin with nothing typed."""
        self.answers: asyncio.Queue[KeysPressed] = asyncio.Queue(4)  # typed while the agent thinks
        self._taken = taken
        self._typed = ""
        self._since = self._at = 0.0

    def type(self, digits: str, at: float, *, shielded: bool) -> None:
        """Take keys as they are pressed."""
        if not self._typed:
            self._since = at
        self._typed = (self._typed + digits)[:MAX_KEYS]
        self._at = at
        if digits.endswith("#"):
            self.flush(at + KEY_PAUSE_S, shielded=shielded)

    def flush(self, at: float, *, shielded: bool) -> None:
        """Answer with the keys, once what is being said may be interrupted."""
        waited = self._typed and at - self._at >= KEY_PAUSE_S
        if waited and not self.answers.full() and not shielded:
            keys, self._typed = self._typed.strip("#"), ""
            if keys:
                self._taken()
                self.answers.put_nowait(KeysPressed(keys, at, self._since, self._at))

    def forget(self) -> None:
        """Drop what was typed and not taken."""
        self._typed = ""
        while not self.answers.empty():
            self.answers.get_nowait()
