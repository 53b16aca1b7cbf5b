"""Packets to an address outside of the cluster, seen on a node's bridge: what an on-prem region may not send.

A packet socket on the bridge, with a filter in the kernel (BPF) that lets only destinations outside of 10.0.0.0/8 up:
pods and Services have theirs in it (network.py, plane.py). Needs the right to make the bridge.
"""

import asyncio
import contextlib
import ctypes
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module does not name it
# ldb [16]: the first byte of the destination, counted from the IPv4 header; 10 is dropped, all else kept (bpf(4)).
_PROGRAM = ((0x30, 0, 0, 16), (0x15, 0, 1, 10), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF))
_MAX_KEPT = 1000  # different senders and destinations; a region that talks to more has said enough
_PORTED = {6: "TCP", 17: "UDP"}


@dataclass(slots=True)
class Outside:
    """Who sent where: `TCP 10.244.0.12 to 192.0.2.7:443`."""

    seen: set[str] = field(default_factory=set)

    def take(self, packet: bytes) -> None:
        """Take an IPv4 packet; broadcast, multicast and loopback do not leave the node."""
        if len(packet) < 20:
            return
        source, destination = (ipaddress.IPv4Address(packet[at : at + 4]) for at in (12, 16))
        local = destination.is_multicast or destination.is_loopback or destination == ipaddress.IPv4Address(0xFFFFFFFF)
        if not local and len(self.seen) < _MAX_KEPT:
            header = (packet[0] & 15) * 4
            name = _PORTED.get(packet[9], f"protocol {packet[9]}")
            ported = packet[9] in _PORTED and len(packet) >= header + 4
            port = f":{struct.unpack_from('!H', packet, header + 2)[0]}" if ported else ""
            self.seen.add(f"{name} {source} to {destination}{port}")


@contextlib.asynccontextmanager
async def watching(interface: str) -> AsyncIterator[Outside]:
    """Watch an interface while the block runs."""
    outside, loop = Outside(), asyncio.get_running_loop()
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _PROGRAM)
    held = ctypes.create_string_buffer(program)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_IP)) as tap:
        tap.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(_PROGRAM), ctypes.addressof(held))
        )
        tap.bind((interface, _ETH_P_IP))
        while True:  # what came between the socket's making and its filter is of any interface
            try:
                tap.recv(65535)
            except BlockingIOError:
                break

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                outside.take(tap.recv(65535))

        loop.add_reader(tap.fileno(), read)
        try:
            yield outside
        finally:
            loop.remove_reader(tap.fileno())
