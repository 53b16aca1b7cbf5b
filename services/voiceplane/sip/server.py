"""The SIP side of a gateway: sockets and a clock around agent.UserAgent. Gives each admitted call to the call layer."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from voiceplane.contract.ids import CallId
from voiceplane.runtime.clock import Clock
from voiceplane.sip import sdp
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.dialog import Dialog
from voiceplane.sip.events import (
    CallEnded,
    CallOffered,
    CallRefused,
    Confirmed,
    MediaChanged,
    Output,
    ReferProgress,
    Send,
)
from voiceplane.sip.framing import BrokenStreamError, Framer
from voiceplane.sip.message import Peer

log = logging.getLogger(__name__)

TICK_S = 0.05  # a tenth of T1
EVENT_QUEUE = 32  # events of one call that wait; a peer that causes more is cut off
MAX_CONNECTIONS = 500
MAX_OUT_BYTES = 262_144  # queued for one slow TCP peer; then it is cut off
CallEvent = Confirmed | MediaChanged | CallEnded | ReferProgress


@dataclass(slots=True)
class IncomingCall:
    """An admitted INVITE. The call layer rings, accepts or rejects it, then follows its events."""

    offered: CallOffered
    _server: "SipServer"
    _dialog: Dialog
    received_ns: int
    _events: asyncio.Queue[CallEvent] = field(default_factory=lambda: asyncio.Queue(EVENT_QUEUE))

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

    def accept(self, host: str, port: int) -> sdp.Agreed | None:
        """Send 200 with our RTP address. Returns what was agreed; None when that comes with the ACK (our offer)."""
        local = sdp.LocalMedia(host, port, random.getrandbits(31))
        self._server.carry_out(lambda agent, now: agent.calls.accept(self._dialog, local, now))
        return self._dialog.agreed

    def reject(self, status: int, *, retry_after_s: int | None = None) -> None:
        """Refuse the call."""
        self._server.carry_out(
            lambda agent, now: agent.calls.reject(self._dialog, status, now, retry_after_s=retry_after_s)
        )

    def hang_up(self) -> None:
        """Send BYE; nothing when the call is over."""
        self._server.carry_out(lambda agent, now: agent.calls.hang_up(self._dialog, now))

    def refer(self, target: str, summary: str) -> None:
        """Send REFER; ReferProgress events tell what becomes of it."""
        self._server.carry_out(lambda agent, now: agent.calls.refer(self._dialog, target, summary, now))

    async def events(self) -> AsyncIterator[CallEvent]:
        """Yield what happens until the call has ended."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, CallEnded):
                return

    def put(self, event: CallEvent) -> None:
        """Queue an event; a peer that floods is cut off."""
        if not self._events.full():
            self._events.put_nowait(event)
        elif isinstance(event, CallEnded):
            self._events.get_nowait()
            self._events.put_nowait(event)


Answer = Callable[[IncomingCall], Awaitable[None]]


class SipServer:
    """UDP and TCP on one port."""

    def __init__(self, agent: UserAgent, clock: Clock, *, refused: Callable[[CallRefused], None]) -> None:
        """Serve this agent; `refused` hears of INVITEs that were not admitted."""
        self._agent = agent
        self._clock = clock
        self._refused = refused
        self._calls: dict[str, IncomingCall] = {}
        self._new: asyncio.Queue[IncomingCall] = asyncio.Queue()  # bounded by admission: limits.max_calls
        self._udp: asyncio.DatagramTransport | None = None
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._connections = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator["SipServer"]:
        """Listen until the block ends; OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        tcp = await asyncio.start_server(self._connected, host, port, limit=65_536)
        self.port = tcp.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), (host, self.port))
        self._udp = transport
        ticking = asyncio.create_task(self._tick(), name="sip-tick")
        try:
            yield self
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            transport.close()
            tcp.close()
            for writer in list(self._writers.values()):
                writer.close()
            await tcp.wait_closed()

    async def calls(self) -> AsyncIterator[IncomingCall]:
        """Yield admitted calls."""
        while True:
            yield await self._new.get()

    @property
    def active(self) -> int:
        """Count the dialogs."""
        return len(self._agent.state.dialogs)

    def drain(self) -> None:
        """Refuse new calls from now on: 503 with Retry-After, to OPTIONS too."""
        self._agent.state.draining = True

    @property
    def draining(self) -> bool:
        """Say whether new calls are refused."""
        return self._agent.state.draining

    def carry_out(self, step: Callable[[UserAgent, float], object]) -> None:
        """Let the call layer do something with the agent, and send what comes of it."""
        step(self._agent, self._clock.monotonic())
        self._put_out(self._agent.take())

    def received(self, data: bytes, peer: Peer) -> None:
        """Take a message. Nothing in it may end the process: what the agent cannot take is logged and dropped."""
        try:
            outputs = self._agent.receive(data, peer, self._clock.monotonic())
        except Exception:  # the outermost edge of untrusted input
            log.exception("a message could not be taken")
            outputs = self._agent.take()
        self._put_out(outputs)

    def _put_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Send(data, peer):
                    self._send(data, peer)
                case CallOffered():
                    dialog = self._agent.state.dialogs[output.key]
                    call = IncomingCall(output, self, dialog, self._clock.wall_ns())
                    self._calls[output.key] = call
                    self._new.put_nowait(call)
                case CallRefused():
                    self._refused(output)
                case CallEnded(key=key):
                    call_ended = self._calls.pop(key, None)
                    if call_ended is not None:
                        call_ended.put(output)
                case _:
                    live = self._calls.get(output.key)
                    if live is not None:
                        live.put(output)

    def _send(self, data: bytes, peer: Peer) -> None:
        if not peer.reliable:
            if self._udp is not None and not self._udp.is_closing():
                self._udp.sendto(data, (peer.host, peer.port))
            return
        writer = self._writers.get(peer.connection)
        if writer is None or writer.is_closing():
            return  # the far side closed its connection: the transaction times out
        writer.write(data)
        if writer.transport.get_write_buffer_size() > MAX_OUT_BYTES:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        number = self._connections
        self._writers[number] = writer
        host, port = writer.get_extra_info("peername")[:2]
        framer = Framer()
        try:
            while data := await reader.read(65_536):
                for message in framer.push(data):
                    self.received(message, Peer(host, port, number))
        except (BrokenStreamError, ConnectionError):
            log.info("a SIP connection was closed", extra={"connection": number})
        finally:
            del self._writers[number]
            writer.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._put_out(self._agent.tick(self._clock.monotonic()))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: SipServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.received(data, Peer(addr[0], addr[1]))
