"""The SIP side of a gateway: sockets and a clock around agent.UserAgent. Gives each admitted call to the call layer."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from voiceplane.runtime.clock import Clock
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallEnded, CallOffered, CallRefused, Output, Send, TransactionOver
from voiceplane.sip.incoming import IncomingCall, Timings
from voiceplane.sip.message import Peer
from voiceplane.sip.streams import StreamRules, Streams
from voiceplane.sip.trunks import Ways

log = logging.getLogger(__name__)

TICK_S = 0.05  # a tenth of T1
DATAGRAMS_A_READ = 64  # then the calls' own work has its turn
MAX_DATAGRAM = 65_535
RECEIVE_BUFFER = 1_048_576  # bytes: what comes while the loop is busy waits here; the kernel may give less
BIND_TRIES = 20  # port 0 only: the number TCP gets may be taken for UDP
LINGER_S = 5.0  # for the last answers: a lost BYE goes out again after 0.5, 1.5 and 3.5 s
AGAIN_S = 1.0  # within this the far side repeats what our last answer did not reach (T1, twice)


class SipServer:
    """UDP and TCP on one port."""

    def __init__(self, agent: UserAgent, clock: Clock, *, refused: Callable[[CallRefused], None]) -> None:
        """Serve this agent; `refused` hears of INVITEs that were not admitted."""
        self._agent = agent
        self._clock = clock
        self._refused = refused
        self._calls: dict[str, IncomingCall] = {}
        self._leaving: dict[str, IncomingCall] = {}  # our BYE waits for its answer, 32 s at most
        # Admission bounds the live ones; as many again may have been cancelled before the call layer took them.
        self._new: asyncio.Queue[IncomingCall] = asyncio.Queue(2 * agent.state.limits.max_calls)
        self._idle = asyncio.Event()
        self._idle.set()
        self._udp: socket.socket | None = None
        rules = StreamRules(self.received, lambda host: agent.state.ways.admits(host), agent.carries_call)
        self._streams = Streams(rules)
        self._ticked_at, self._late_s = clock.monotonic(), 0.0  # the last tick, and how late it was
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator["SipServer"]:
        """Listen until the block ends; OSError when the port is taken."""
        tcp, self._udp = await self._bind(host, port)
        settings = self._agent.state.settings
        if settings.port == 0:  # known only now; Contact and Via say it
            self._agent.state.settings = replace(settings, port=self.port)
        loop, udp = asyncio.get_running_loop(), self._udp
        loop.add_reader(udp, self._read_datagrams, udp)
        ticking = asyncio.create_task(self._tick(), name="sip-tick")
        try:
            yield self
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            loop.remove_reader(udp)
            udp.close()
            self._udp = None
            tcp.close()
            await self._streams.close()
            await tcp.wait_closed()

    async def _bind(self, host: str, port: int) -> tuple[asyncio.Server, socket.socket]:
        for attempt in range(BIND_TRIES):
            tcp = await asyncio.start_server(self._streams.accept, host, port, limit=65_536)
            self.port = tcp.sockets[0].getsockname()[1]
            try:
                return tcp, _datagram_socket(host, self.port)
            except OSError:
                tcp.close()
                if port or attempt == BIND_TRIES - 1:
                    raise
        raise AssertionError("the last try returns or raises")

    async def calls(self) -> AsyncIterator[IncomingCall]:
        """Yield admitted calls."""
        while True:
            yield await self._new.get()

    @property
    def active(self) -> int:
        """Count the dialogs."""
        return len(self._agent.state.dialogs)

    def open_to(self, ways: Ways) -> None:
        """Take new calls only from these trunks, for their numbers; live calls go on."""
        self._agent.state.ways = ways

    def drain(self) -> None:
        """Refuse new calls from now on: 503 with Retry-After, to OPTIONS too."""
        self._agent.state.draining = True

    async def idle(self) -> None:
        """Wait until no admitted call is left, also none that the call layer has not taken yet."""
        await self._idle.wait()

    async def linger(self) -> None:
        """Let the last transactions finish, for LINGER_S at most: our BYE is answered, lost answers are repeated."""
        state = self._agent.state
        began = self._clock.monotonic()
        while state.client.waiting or state.server.waiting:
            waited = self._clock.monotonic() - began
            if waited >= (LINGER_S if state.client.waiting or state.server.repeating else AGAIN_S):
                return
            await asyncio.sleep(TICK_S)

    def pause(self, paused: bool) -> None:
        """Refuse new calls for now, or no longer: 503 with a short Retry-After, to OPTIONS too."""
        self._agent.state.paused = paused

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
        now = self._clock.monotonic()
        self._agent.state.lag_s = max(self._late_s, now - self._ticked_at - TICK_S)
        try:
            outputs = self._agent.receive(data, peer, now)
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
                    call = IncomingCall(output, self, dialog, self._clock, Timings(self._clock.wall_ns()))
                    self._offer(call)
                case CallRefused():
                    self._refused(output)
                case CallEnded(key=key):
                    call_ended = self._calls.pop(key, None)
                    if not self._calls:
                        self._idle.set()
                    if call_ended is not None:
                        call_ended.put(output)
                        if output.bye:
                            self._leaving[key] = call_ended
                case TransactionOver(key=key):
                    of_call = self._calls.get(key) or self._leaving.get(key)
                    if of_call is not None:
                        of_call.over(output)
                    if output.ours and output.method == "BYE":
                        self._leaving.pop(key, None)
                case _:
                    live = self._calls.get(output.key)
                    if live is not None:
                        live.put(output)

    def _read_datagrams(self, udp: socket.socket) -> None:
        """Take what waits: one a turn of the event loop, as asyncio's transports do, is too few when turns are long."""
        for _ in range(DATAGRAMS_A_READ):
            try:
                data, source = udp.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier send; the next may be a message
                continue
            self.received(data, Peer(source[0], source[1]))

    def _offer(self, call: IncomingCall) -> None:
        self._calls[call.offered.key] = call
        self._idle.clear()
        try:
            self._new.put_nowait(call)
        except asyncio.QueueFull:
            call.reject(503, retry_after_s=5)

    def _send(self, data: bytes, peer: Peer) -> None:
        if peer.reliable:
            self._streams.send(data, peer)
        elif self._udp is not None:
            with contextlib.suppress(OSError):  # a full buffer or no route: as if lost on the way, timers repeat it
                self._udp.sendto(data, (peer.host, peer.port))

    async def _tick(self) -> None:
        self._ticked_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.monotonic()
            self._late_s, self._ticked_at = now - self._ticked_at - TICK_S, now
            try:
                outputs = self._agent.tick(now)
            except Exception:  # the outermost edge of the timers: one call's fault does not stop the others'
                log.exception("a SIP timer failed")
                outputs = self._agent.take()
            self._put_out(outputs)


def _datagram_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        udp.bind((host, port))
    except OSError:
        udp.close()
        raise
    return udp


__all__ = ["IncomingCall", "SipServer"]
