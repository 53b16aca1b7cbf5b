"""The RTCP of one call: reports out every few seconds, reports in, the far end's word on what arrived. For session."""

import random
import secrets
import socket

from voiceplane.media.latch import Address, SourceLatch, destination
from voiceplane.media.receive import ReceiveStatistics
from voiceplane.media.rtcp import Reporter
from voiceplane.media.rtp import MalformedPacketError
from voiceplane.media.sender import Sender
from voiceplane.runtime.clock import Clock

RTCP_EVERY_S = 5.0
MAX_DATAGRAM = 2048


class Reports:
    """Reports about both directions."""

    def __init__(self, sock: socket.socket, sender: Sender, clock: Clock) -> None:
        """Report on what this sender sends."""
        self._socket = sock
        self._sender = sender
        self._clock = clock
        self.reporter = Reporter(sender.ssrc, secrets.token_hex(8))
        self.due_at = 0.0
        self._source: Address | None = None

    def start(self, now: float) -> None:
        """Report from now on."""
        self.due_at = now + _interval_s()

    def tick(self, now: float, received: ReceiveStatistics, latch: SourceLatch) -> None:
        """Send a report when one is due."""
        if now >= self.due_at:
            self.due_at = now + _interval_s()
            wall_ns = self._clock.wall_ns()
            self._send(self.reporter.report(self._sender.facts, received, now=now, wall_ns=wall_ns), latch)

    def read(self, stream_ssrc: int, latch: SourceLatch) -> None:
        """Read a report from the socket and remember where it came from."""
        try:
            data, source = self._socket.recvfrom(MAX_DATAGRAM)
        except OSError:
            return
        if self.take(data, source, stream_ssrc, latch=latch) and source[0] == (latch.source or source)[0]:
            self._source = source

    def take(self, data: bytes, source: Address, stream_ssrc: int, *, latch: SourceLatch) -> bool:
        """Take a report; what it says of the heard words counts only from where the caller's sound comes from."""
        now, wall_ns = self._clock.monotonic(), self._clock.wall_ns()
        try:
            reached = self.reporter.receive(data, stream_ssrc, now=now, wall_ns=wall_ns)
        except MalformedPacketError:
            return False
        if reached is not None and latch.source is not None and source[0] == latch.source[0]:
            self._sender.reported(reached.highest, reached.age_s)
        return True

    def goodbye(self, latch: SourceLatch) -> None:
        """Send the last report."""
        self._send(self.reporter.goodbye(), latch)

    def _send(self, data: bytes, latch: SourceLatch) -> None:
        rtp = latch.source or latch.signalled
        address = self._source or (destination((rtp[0], rtp[1] + 1)) if rtp else None)
        if address is None:
            return
        try:
            self._socket.sendto(data, address)
        except OSError:  # nobody reads our reports: no harm to the call
            return


def _interval_s() -> float:
    return RTCP_EVERY_S * random.uniform(0.5, 1.5)  # RFC 3550 section 6.2: not in step
