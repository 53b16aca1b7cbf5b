"""SIP messages over UDP or TCP for the phone. Fed by leg.py; calls back with each parsed message and its source."""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol, cast

from aiosipua.message import SipMessage, SipRequest, SipResponse

Address = tuple[str, int]
Message = SipRequest | SipResponse
Receive = Callable[[Message, Address], None]

CONNECT_TIMEOUT_S = 5.0
_MAX_MESSAGE = 65_535  # bytes; what UDP could carry, kept for TCP too
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,5})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class Wire(Protocol):
    """A way to send SIP messages; `reliable` ones need no retransmission (RFC 3261 section 17)."""

    name: str
    reliable: bool
    local: Address

    def send(self, data: bytes, to: Address) -> None:
        """Send one message."""
        ...

    def close(self) -> None:
        """Stop receiving and free the socket."""
        ...


class UdpWire(asyncio.DatagramProtocol):
    """One datagram, one message. What cannot be parsed is counted and dropped."""

    name = "UDP"
    reliable = False

    def __init__(self, receive: Receive) -> None:
        """Remember where messages go."""
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self.local: Address = ("", 0)
        self.unreadable = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # not its subclass before Python 3.12
        self.local = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Parse a message; RFC 5626 keep-alives (CRLF) are ignored."""
        if not data.strip():
            return
        try:
            message = SipMessage.parse(data)
        except ValueError:
            self.unreadable += 1
            return
        self._receive(message, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Ignore ICMP errors: the transaction's own timer decides."""

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, to)

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


async def open_udp(local: Address, receive: Receive) -> UdpWire:
    """Bind a UDP socket; port 0 picks a free one."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_datagram_endpoint(lambda: UdpWire(receive), local_addr=local)
    return wire


class TcpWire(asyncio.Protocol):
    """One connection to the other side; messages are framed by Content-Length (RFC 3261 section 18.3)."""

    name = "TCP"
    reliable = True

    def __init__(self, receive: Receive) -> None:
        """Remember where messages go."""
        self._receive = receive
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()  # at most one message and a part; a larger one closes the connection
        self.local: Address = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast(asyncio.Transport, transport)  # not its subclass before Python 3.12
        self.local = transport.get_extra_info("sockname")[:2]
        self._peer: Address = transport.get_extra_info("peername")[:2]

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages."""
        self._buffer += data
        while (message := self._cut()) is not None:
            self._receive(message, self._peer)

    def _cut(self) -> Message | None:
        while self._buffer[:2] == b"\r\n":
            del self._buffer[:2]
        head, separator, _ = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            if len(self._buffer) > _MAX_MESSAGE:
                self.close()
            return None
        length = _LENGTH.search(head)
        end = len(head) + len(separator) + (int(length[1]) if length is not None else 0)
        if len(self._buffer) < end:
            return None
        try:
            message = SipMessage.parse(bytes(self._buffer[:end]))
        except ValueError:
            self.close()  # a stream that lost its framing cannot be read further
            return None
        del self._buffer[:end]
        return message

    def send(self, data: bytes, to: Address) -> None:
        """Write to the connection; `to` is its other end by construction."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def open_tcp(remote: Address, receive: Receive) -> TcpWire:
    """Connect to the other side."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        _, wire = await loop.create_connection(lambda: TcpWire(receive), *remote)
    return wire
