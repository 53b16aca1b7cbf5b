"""RTP ports from a fixed range, in pairs, bound when taken and left alone for a while after use.

The quarantine keeps a former caller's late packets out of the next call.
"""

import contextlib
import socket
from collections import deque
from dataclasses import dataclass


class PortsExhaustedError(Exception):
    """Every pair of the range is in use, in quarantine or taken by another process: refuse the call with 503."""


@dataclass(frozen=True, slots=True)
class PortPair:
    """Bound sockets: RTP on an even port, RTCP on the next (RFC 3550 section 11)."""

    rtp: socket.socket
    rtcp: socket.socket
    port: int


class PortPool:
    """The range of one gateway."""

    def __init__(self, host: str, *, first: int, last: int, quarantine_s: float) -> None:
        """Own the even ports of first..last; ValueError when the range holds no pair."""
        start = first + first % 2
        self._host = host
        self._quarantine_s = quarantine_s
        self._free: deque[tuple[int, float]] = deque((port, 0.0) for port in range(start, last, 2))
        if not self._free:
            raise ValueError(f"the RTP range {first}-{last} holds no even/odd pair of ports")
        self.size = len(self._free)

    def take(self, now: float) -> PortPair:
        """Bind the pair that has rested longest; PortsExhaustedError when none may be used."""
        for _ in range(len(self._free)):
            port, ready_at = self._free.popleft()
            if ready_at > now:
                self._free.append((port, ready_at))
                continue
            pair = self._bind(port)
            if pair is not None:
                return pair
            self._free.append((port, now + self._quarantine_s))  # another process has it
        raise PortsExhaustedError(f"no RTP port is free: {self.size} pairs in the range")

    def release(self, pair: PortPair, now: float) -> None:
        """Close the sockets and let the pair rest."""
        pair.rtp.close()
        pair.rtcp.close()
        self._free.append((pair.port, now + self._quarantine_s))

    def _bind(self, port: int) -> PortPair | None:
        with contextlib.ExitStack() as opened:
            sockets = []
            for number in (port, port + 1):
                sock = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sock.setblocking(False)
                try:
                    sock.bind((self._host, number))
                except OSError:
                    return None
                sockets.append(sock)
            opened.pop_all()
        return PortPair(sockets[0], sockets[1], port)
