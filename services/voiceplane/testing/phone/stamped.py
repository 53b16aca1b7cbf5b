"""A UDP socket that tells when the kernel took each datagram: a busy phone is not a late agent. Owned by rtp.py.

Between a packet's arrival and the event loop's turn for it lie the phone's own delays: the other phones of a load test,
and whatever else has the processor. None of them is the sender's fault, and the caller's ear has none of them.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from voiceplane.runtime.clock import Clock

SO_TIMESTAMPNS = 35  # socket(7), asm-generic/socket.h; Python's socket module does not name it
_TIMESPEC = struct.Struct("@ll")
_MAX_DATAGRAM = 65_535
_DATAGRAMS_A_TURN = 32  # of the event loop, so that the other phones get theirs
_AT_ONCE_S, _TRIES = 50e-6, 8  # two clocks are read together; on a full machine something may come in between


class StampedSocket:
    """Bound to a free port; calls `receive` with each datagram and its arrival, in the clock's monotonic seconds."""

    def __init__(self, host: str, clock: Clock, receive: Callable[[bytes, float], None]) -> None:
        """Bind and begin to read on the running loop; OSError when the address is not ours."""
        self._clock, self._receive = clock, receive
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self._socket.bind((host, 0))
        except OSError:
            self._socket.close()
            raise
        self.local: tuple[str, int] = self._socket.getsockname()[:2]
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send a datagram, or lose it: the far socket may open later than ours, and the line is no queue."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, to)

    def close(self) -> None:
        """Stop reading and free the port."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                data, extras, _, _ = self._socket.recvmsg(_MAX_DATAGRAM, socket.CMSG_SPACE(_TIMESPEC.size))
            except OSError:  # nothing more, or the network's complaint about what we sent
                return
            self._receive(data, self._arrived_at(extras))
            if self._socket.fileno() < 0:  # `receive` closed us
                return

    def _arrived_at(self, extras: list[tuple[int, int, bytes]]) -> float:
        """Return when the kernel took a datagram: its stamp is of the wall clock, which is read beside ours."""
        for level, kind, stamp in extras:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                now, wall_ns = self._both_clocks()
                lay_ns: int = wall_ns - seconds * 1_000_000_000 - nanoseconds
                return now - max(0, lay_ns) / 1e9
        return self._clock.monotonic()

    def _both_clocks(self) -> tuple[float, int]:
        """Read both clocks at once; ours is never too early: we hear a datagram late, never before it was sent."""
        closest = float("inf")
        for _ in range(_TRIES):
            before, wall, after = self._clock.monotonic(), self._clock.wall_ns(), self._clock.monotonic()
            if after - before < closest:
                closest, now, wall_ns = after - before, after, wall
            if closest < _AT_ONCE_S:
                break
        return now, wall_ns
