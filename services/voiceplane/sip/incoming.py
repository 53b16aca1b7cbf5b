"""One admitted call as the call layer holds it: its steps go to the user agent, its events come from a queue."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

from voiceplane.contract.ids import CallId
from voiceplane.runtime.clock import Clock
from voiceplane.sip import sdp
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.dialog import Dialog, DialogState
from voiceplane.sip.events import CallEnded, CallOffered, Confirmed, MediaChanged, ReferProgress, TransactionOver

EVENT_QUEUE = 32  # events of one call that wait; a peer that causes more loses some, but never the end
DECLINED = 603  # what hanging up says while it rings
MAX_EXCHANGES = 256  # that one call tells of: hours of refreshes and holds; a flood of UPDATEs fills no trace
CallEvent = Confirmed | MediaChanged | CallEnded | ReferProgress


class Shell(Protocol):
    """What carries a step out: server.SipServer."""

    def carry_out(self, step: Callable[[UserAgent, float], object]) -> None:
        """Let a step of a call be taken now, and send what comes of it."""
        ...


@dataclass(slots=True)
class Timings:
    """When the INVITE transaction passed its marks, in ns since the epoch: for spans and records only."""

    received_ns: int
    rung_ns: int | None = None
    answered_ns: int | None = None  # the final response: 200 or a refusal
    confirmed_ns: int | None = None
    status: int | None = None  # of the final response that we chose; None where the caller cancelled before


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request inside a call and its final answer, in ns since the epoch."""

    method: str
    status: int | None  # None: nobody answered
    ours: bool
    began_ns: int
    ended_ns: int


@dataclass(slots=True)
class IncomingCall:
    """An admitted INVITE. The call layer rings, accepts or rejects it, then follows its events."""

    offered: CallOffered
    _server: Shell
    _dialog: Dialog
    _clock: Clock
    timings: Timings
    _events: asyncio.Queue[CallEvent] = field(default_factory=lambda: asyncio.Queue(EVENT_QUEUE))
    _observer: Callable[[Exchange], None] | None = None
    _unseen: list[Exchange] = field(default_factory=list)  # before follow(); bounded by MAX_EXCHANGES
    _exchanges: int = 0

    @property
    def received_ns(self) -> int:
        """Return when the INVITE came, in ns since the epoch."""
        return self.timings.received_ns

    @property
    def call_id(self) -> CallId:
        """Return our Session-ID UUID, which is the trace id."""
        return self.offered.call_id

    @property
    def remote_session_id(self) -> str:
        """Return the far side's Session-ID UUID, nil when it has none."""
        return self._dialog.remote_session_id

    def ring(self) -> None:
        """Send 180."""
        self._server.carry_out(lambda agent, now: agent.calls.ring(self._dialog, now))
        self.timings.rung_ns = self.timings.rung_ns or self._clock.wall_ns()

    def accept(self, host: str, port: int) -> sdp.Agreed | None:
        """Send 200 with our RTP address. Returns what was agreed; None when that comes with the ACK (our offer)."""
        local = sdp.LocalMedia(host, port, random.getrandbits(31))
        ringing = self._dialog.state is DialogState.RINGING
        self._server.carry_out(lambda agent, now: agent.calls.accept(self._dialog, local, now))
        if ringing:
            self._answered(200)
        return self._dialog.agreed

    def reject(self, status: int, *, retry_after_s: int | None = None) -> None:
        """Refuse the call."""
        ringing = self._dialog.state is DialogState.RINGING
        self._server.carry_out(
            lambda agent, now: agent.calls.reject(self._dialog, status, now, retry_after_s=retry_after_s)
        )
        if ringing:
            self._answered(status)

    def _answered(self, status: int) -> None:
        if self.timings.status is None:
            self.timings.answered_ns, self.timings.status = self._clock.wall_ns(), status

    def hang_up(self) -> None:
        """Send BYE; nothing when the call is over."""
        if self._dialog.state is DialogState.RINGING:
            self._answered(DECLINED)
        self._server.carry_out(lambda agent, now: agent.calls.hang_up(self._dialog, now))

    def refer(self, target: str, summary: str) -> None:
        """Send REFER; ReferProgress events tell what becomes of it."""
        self._server.carry_out(lambda agent, now: agent.calls.refer(self._dialog, target, summary, now))

    def follow(self, observer: Callable[[Exchange], None]) -> None:
        """Tell each exchange inside the call, from the first on; the answer to our BYE comes after the end."""
        self._observer = observer
        unseen, self._unseen = self._unseen, []
        for exchange in unseen:
            observer(exchange)

    def over(self, event: TransactionOver) -> None:
        """Date an exchange that is over now, and tell it; of a flood only a BYE."""
        self._exchanges += 1
        if self._exchanges > MAX_EXCHANGES and event.method != "BYE":
            return
        ended_ns = self._clock.wall_ns()
        began_ns = ended_ns - round((self._clock.monotonic() - event.began_at) * 1e9)
        exchange = Exchange(event.method, event.status, event.ours, began_ns, ended_ns)
        if self._observer is not None:
            self._observer(exchange)
        else:
            self._unseen.append(exchange)

    async def events(self) -> AsyncIterator[CallEvent]:
        """Yield what happens until the call has ended."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, CallEnded):
                return

    def put(self, event: CallEvent) -> None:
        """Queue an event; of a flood, the newest is lost, except the end."""
        if isinstance(event, Confirmed):
            self.timings.confirmed_ns = self._clock.wall_ns()
        if not self._events.full():
            self._events.put_nowait(event)
        elif isinstance(event, CallEnded):
            self._events.get_nowait()
            self._events.put_nowait(event)
