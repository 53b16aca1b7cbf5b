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
            waited_s = self._waited_s(extras)  # first: held up in between, we hear it late, never before it was sent
            self._receive(data, self._clock.monotonic() - waited_s)
            if self._socket.fileno() < 0:  # `receive` closed us
                return

    def _waited_s(self, extras: list[tuple[int, int, bytes]]) -> float:
        """Return for how long a datagram lay in the kernel: its stamp is of the wall clock."""
        for level, kind, stamp in extras:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                waited_ns: int = self._clock.wall_ns() - seconds * 1_000_000_000 - nanoseconds
                return max(0, waited_ns) / 1e9
        return 0.0
