"""Cluster DNS of the test node: answers A questions for Services (RFC 1035); no name outside the cluster exists."""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

A, ANY = 1, 255
NO_ERROR, FORMAT_ERROR, NAME_ERROR = 0, 1, 3
ANSWER = 0x8400  # QR and AA, RFC 1035 4.1.1
TTL_S = 1  # so short that a test sees a change at once
MOST_ADDRESSES = 28  # what fits into 512 bytes beside the question (RFC 1035 2.3.4)


def answer(query: bytes, resolve: Callable[[str], list[str] | None]) -> bytes | None:
    """Answer one query; None when it is not one."""
    if len(query) < 12:
        return None
    number, flags, questions = struct.unpack_from("!HHH", query)
    if flags & 0x8000 or questions != 1:
        return None
    recursion = flags & 0x0100
    labels, position = [], 12
    while position < len(query) and query[position]:
        length = query[position]
        labels.append(query[position + 1 : position + 1 + length].decode("ascii", "replace"))
        position += 1 + length
    end = position + 5
    if end > len(query):
        return struct.pack("!HHHHHH", number, ANSWER | recursion | FORMAT_ERROR, 0, 0, 0, 0)
    (kind,) = struct.unpack_from("!H", query, position + 1)
    addresses = resolve(".".join(labels))
    code = NAME_ERROR if addresses is None else NO_ERROR
    found = (addresses or [])[:MOST_ADDRESSES] if kind in (A, ANY) else []
    header = struct.pack("!HHHHHH", number, ANSWER | recursion | 0x0080 | code, 1, len(found), 0, 0)
    records = (
        struct.pack("!HHHIH", 0xC00C, A, 1, TTL_S, 4) + bytes(int(part) for part in each.split(".")) for each in found
    )
    return header + query[12:end] + b"".join(records)


class DnsServer(asyncio.DatagramProtocol):
    """A DNS server over UDP."""

    def __init__(self, resolve: Callable[[str], list[str] | None]) -> None:
        """Answer by a function from a name to addresses."""
        self._resolve = resolve
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio does not subclass it in 3.11

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query; what is none gets no answer."""
        reply = answer(data, self._resolve)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)
