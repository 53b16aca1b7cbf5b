"""The caller's keys, gathered to answers: a pause or # ends one; the agent is silent meanwhile. For call.listening."""

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
    """What one caller types. `hush` is called while more may come, `taken` when it becomes an answer."""

    def __init__(self, hush: Callable[[], None], taken: Callable[[], None]) -> None:
        """Begin with nothing typed."""
        self.answers: asyncio.Queue[KeysPressed] = asyncio.Queue(4)  # typed while the agent thinks
        self.hushes = False  # the agent is to be silent: more keys may come
        self._hush = hush
        self._taken = taken
        self._typed = ""
        self._since = self._at = 0.0

    def type(self, digits: str, at: float, *, shielded: bool) -> None:
        """Take keys as they are pressed; a # alone answers nothing."""
        if not self._typed:
            digits = digits.lstrip("#")
            self._since = at
        self._typed = (self._typed + digits)[:MAX_KEYS]
        self._at = at
        self.flush(at + KEY_PAUSE_S if digits.endswith("#") else at, shielded=shielded)

    def flush(self, at: float, *, shielded: bool) -> None:
        """Answer with the keys, once what is being said may be interrupted; until they are whole it is kept back."""
        self.hushes = bool(self._typed) and not shielded
        if not self.hushes:
            return
        if at - self._at < KEY_PAUSE_S or self.answers.full():
            self._hush()
            return
        keys, self._typed, self.hushes = self._typed.strip("#"), "", False
        self._taken()
        self.answers.put_nowait(KeysPressed(keys, at, self._since, self._at))

    def forget(self) -> None:
        """Drop what was typed and not taken."""
        self._typed, self.hushes = "", False
        while not self.answers.empty():
            self.answers.get_nowait()
