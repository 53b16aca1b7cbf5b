"""Are the speech models there, and the right ones? Asked by the gateway all the time, by voiceplane doctor once.

`judge` and `compared` are pure.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)
MODELS = ("asr", "turn", "tts")
OPTIONAL = ("asr_second",)  # calls are taken without it: the first recognizer's words stand
REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model on one server; `reason` is the server's own word on why it is not ready, or ours: it is another one."""

    name: str
    ready: bool
    reason: str = ""
    digests: tuple[tuple[str, str], ...] = ()  # of what it serves, by name
    other: bool = False  # it serves, but not the model that is wanted


@dataclass(frozen=True, slots=True)
class ServerState:
    """One Triton server; `problem` is empty when it answered."""

    endpoint: str
    problem: str = ""
    models: tuple[ModelState, ...] = ()

    def model(self, name: str) -> ModelState:
        """Return a model's state, also of one that the server does not have."""
        for model in self.models:
            if model.name == name:
                return model
        return ModelState(name, False, self.problem or "is not in its repository")


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How often to ask, and how many bad answers in a row are believed: one may be a server that is only busy."""

    every_s: float = 1.0
    every_s_while_away: float = 0.25
    bad_answers: int = 2


Wanted = Mapping[str, Mapping[str, str]]  # digests by name, of each model (see profiles.Profile.wanted)
Look = Callable[[], Awaitable[tuple[ServerState, ...]]]
Changed = Callable[[str | None], Awaitable[None]]


def judge(servers: tuple[ServerState, ...]) -> str | None:
    """Return what calls would lack, with each server's reason; None when every model is served somewhere."""
    lacking = [name for name in MODELS if not any(server.model(name).ready for server in servers)]
    if not lacking:
        return None
    if all(server.problem for server in servers):
        return "; ".join(f"speech at {server.endpoint} {server.problem}" for server in servers)
    reasons = (f"{name} at {server.endpoint}: {server.model(name).reason}" for name in lacking for server in servers)
    return "speech models not ready: " + "; ".join(reasons)


def compared(state: ModelState, wanted: Mapping[str, str]) -> ModelState:
    """Return the state, not ready where the model is not the one that is wanted by name and digest."""
    served = dict(state.digests)
    if not state.ready or all(served.get(name) == digest for name, digest in wanted.items()):
        return state
    has = ", ".join(named(name, digest) for name, digest in served.items())
    wants = ", ".join(named(name, digest) for name, digest in wanted.items())
    what = f"serves {has}" if has else "does not say which model it serves"
    return ModelState(
        state.name, False, f"{what}, but the agent's speech profile wants {wants}", state.digests, other=True
    )


def named(name: str, digest: str) -> str:
    """Write a model for people."""
    return f"{name} sha256:{digest[:16]}"


def shortened(reason: str) -> str:
    """Put Triton's reason on one line, without the stack that the Python backend appends to an error ("At: ...")."""
    line = " ".join(reason.partition("\n\nAt:")[0].split())
    return line if len(line) <= REASON_CHARACTERS else f"{line[:REASON_CHARACTERS]}..."


class SpeechWatch:
    """Ask again and again, and tell when what calls would lack has changed. `problem` is the latest verdict."""

    def __init__(self, look: Look, changed: Changed, settings: WatchSettings | None = None) -> None:
        """Ask by `look`; `changed` hears of every change between good and bad."""
        self._look, self._changed = look, changed
        self._settings = settings or WatchSettings()
        self._bad = 0
        self.problem: str | None = None

    async def begin(self) -> None:
        """Ask for the first time; a first bad answer is believed at once."""
        self._bad = self._settings.bad_answers
        await self._take(judge(await self._look()))

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            away = self.problem is not None
            await asyncio.sleep(self._settings.every_s_while_away if away else self._settings.every_s)
            await self._take(judge(await self._look()))

    async def _take(self, problem: str | None) -> None:
        self._bad = self._bad + 1 if problem else 0
        was_away = self.problem is not None
        if problem is None or self._bad >= self._settings.bad_answers:
            self.problem = problem  # also when only the reason is another
        if was_away != (self.problem is not None):
            log.warning("speech is back" if was_away else "speech is away", extra={"reason": self.problem or ""})
            await self._changed(self.problem)
