"""One measured call: the caller's acts in turn, then both tracks, the places of the acts and the call record.

The script waits by the phone's own ear only; what is reported is read from the recorded tracks afterwards.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np

from voiceplane.contract.audio import Pcm
from voiceplane.records.client import read_call
from voiceplane.records.errors import NoSuchCallError, RecordsError
from voiceplane.records.rows import CallRow
from voiceplane.runtime.clock import Clock
from voiceplane.testing.bench.line import TimedTrack, keep_times, return_echo
from voiceplane.testing.bench.place import Place
from voiceplane.testing.bench.sound import EDGE_JOIN_MS, Sound, sounds, trimmed
from voiceplane.testing.phone import CallEnded, NoAgentAudio, Phone, PhoneError, PhoneSettings
from voiceplane.testing.phone.audio import Samples, as_samples, resample
from voiceplane.testing.phone.ear import Ear, Heard
from voiceplane.testing.phone.rtp import MediaStream
from voiceplane.testing.phone.timings import heard_around

RATE = 8000  # PCMU, what most trunks carry
QUIET_S = 0.8  # the agent's turn is over
PATIENCE_S = 12.0  # for the agent's first sound
LONGEST_S = 60.0  # one turn of the agent
_SLACK_MS = 80.0  # around the script's own times, when an act is looked for on the track
_RECORD_TRIES, _RECORD_WAIT_S = 60, 0.25


class After(Enum):
    """What an act waits for."""

    AGENT_END = "the agent has finished"
    AGENT_START = "the agent has begun to answer"
    ACT = "the act before"


@dataclass(frozen=True, slots=True)
class Act:
    """Something the caller says; `wait_s` counts from the anchor."""

    kind: str
    words: str
    sound: Samples  # at RATE; nothing: only listen
    after: After = After.AGENT_END
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Deed:
    """An act as it was done, in milliseconds of the timeline: first and last sound on the caller's track."""

    act: Act
    start_ms: float
    end_ms: float


@dataclass(slots=True)
class Held:
    """A call that is over."""

    caller: Samples = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    agent: Samples = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    deeds: list[Deed] = field(default_factory=list)
    agent_sounds: tuple[Sound, ...] = ()
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    answered_after_ms: float | None = None
    answered_wall_ns: int = 0
    ended_wall_ns: int = 0  # it was hung up
    call_id: str = ""
    record: CallRow | None = None
    lost: int = 0
    received: int = 0
    worst_own_ms: float = 0.0  # the phone's own delay: how late it sent a packet at the worst
    trouble: str = ""
    sound: "tuple[MediaStream, TimedTrack] | None" = None  # not yet read: that takes long enough to delay other calls

    def read(self) -> "Held":
        """Read the recorded tracks, once no call runs any more."""
        if self.sound is not None:
            keep(*self.sound, self)
            self.sound = None
        return self

    def ms(self, wall_ns: int) -> float:
        """Return where a time of the call record lies on the timeline."""
        return (wall_ns - self.answered_wall_ns) / 1e6


@dataclass(frozen=True, slots=True)
class EchoLine:
    """A handset that returns the agent's voice."""

    loss_db: float = 20.0
    delay_s: float = 0.2


async def hold(place: Place, acts: list[Act], *, echo: EchoLine | None = None, hear_out: bool = True) -> Held:
    """Hold a call that is alone, and read its tracks."""
    return (await hold_unread(place, acts, echo=echo, hear_out=hear_out)).read()


async def hold_unread(place: Place, acts: list[Act], *, echo: EchoLine | None = None, hear_out: bool = True) -> Held:
    """Place a call and do the acts; a refusal or an early end is told in `trouble`, with what there is until then."""
    held = Held()
    try:
        async with Phone(place.sip, PhoneSettings(codecs=("PCMU",), clock=place.clock)) as call:
            track = keep_times(call.media)
            if echo is not None:
                return_echo(call, track, place.clock, loss_db=echo.loss_db, delay_s=echo.delay_s)
            held.call_id = call.leg.dialog.remote_session_id
            elapsed = place.clock.monotonic() - call.media.started_at
            held.answered_wall_ns = place.clock.wall_ns() - int(elapsed * 1e9)
            await follow(call, acts, place.clock, held=held, hear_out=hear_out)
            held.ended_wall_ns = place.clock.wall_ns()
            await call.hang_up()
            held.sound = (call.media, track)
            held.answered_after_ms = call.facts.answered_after_ms
    except (PhoneError, OSError, TimeoutError) as error:
        held.trouble = f"no call: {error}"
        return held
    held.record = await _record(place.records, held.call_id)
    return held


class OnTheLine(Heard, Protocol):
    """What a script needs of an answered call."""

    async def say(self, pcm: Pcm) -> None:
        """Speak and return when the last packet has left."""
        ...


async def follow(call: OnTheLine, acts: list[Act], clock: Clock, *, held: Held, hear_out: bool = True) -> None:
    """Do the acts; `held` gets the deeds as they are done."""
    caller = _Caller(call, clock)
    try:
        for act in acts:
            held.deeds.append(await caller.act(act))
        if hear_out:
            await caller.agent_ends()
    except (CallEnded, NoAgentAudio) as error:
        if len(held.deeds) < len(acts):
            held.trouble = f"after {len(held.deeds)} of {len(acts)} acts: {error}"


class _Caller:
    """Follows a script in one answered call."""

    def __init__(self, call: OnTheLine, clock: Clock) -> None:
        self._call, self._ear = call, Ear(call, clock)

    async def act(self, act: Act) -> Deed:
        if act.after is After.AGENT_END:
            await self.agent_ends()
        elif act.after is After.AGENT_START:
            await self._ear.speech(PATIENCE_S)
        if act.wait_s:
            await self._ear.rest(act.wait_s)
        began = self._ear.now_ms()
        if len(act.sound):
            await self._call.say(Pcm(act.sound.astype("<i2").tobytes(), RATE))
        self._ear.mark()
        return Deed(act, began, self._ear.now_ms())

    async def agent_ends(self) -> None:
        await self._ear.speech(PATIENCE_S)
        await self._ear.quiet(QUIET_S, LONGEST_S)


def keep(media: MediaStream, track: TimedTrack, held: Held) -> None:
    """Keep both tracks and where the deeds lie on them."""
    held.caller, held.agent = media.recording.caller.samples(), track.samples()
    held.agent_sounds = sounds(held.agent, RATE)
    held.deeds = [placed(deed, held.caller) for deed in held.deeds]
    held.arrivals, held.lost, held.received = track.arrivals, media.lost, media.received
    held.worst_own_ms = media.worst_send_lateness_ms


def placed(deed: Deed, caller: Samples) -> Deed:
    """Put an act where its sound lies on the caller's track; a silent one stays where the clock put it."""
    found = heard_around(caller, RATE, deed.start_ms, deed.end_ms, slack_ms=_SLACK_MS, join_ms=EDGE_JOIN_MS)
    return Deed(deed.act, *found) if found is not None else deed


async def _record(records: str, call_id: str) -> CallRow | None:
    """Return the call record, once the gateway has written it after the BYE; None when it does not come."""
    for _ in range(_RECORD_TRIES):
        try:
            return (await read_call(records, call_id))[0]
        except NoSuchCallError:
            await asyncio.sleep(_RECORD_WAIT_S)
        except RecordsError:
            return None
    return None


async def voiced(place: Place, words: str, voice: str) -> Samples:
    """Return words as a caller's sound: trimmed, at the line's rate."""
    pcm = resample(await place.speak(words, voice), RATE)
    return trimmed(as_samples(pcm), RATE)
