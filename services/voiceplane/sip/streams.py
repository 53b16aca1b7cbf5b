"""The TCP connections of a SipServer: those of callers, and ours to a caller whose own is gone (RFC 3261 18.2.2)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.sip.framing import BrokenStreamError, Framer
from voiceplane.sip.message import Peer

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 500  # one that is being opened counts too
MAX_CONNECTIONS_OF_HOST = 100  # a proxy opens a few; one host does not keep the others out
IDLE_S = 60.0  # a connection that carries no call and says nothing is closed
CONNECT_S = 4.0  # the kernel has asked three times by then; a 200 comes again and asks anew
MAX_OUT_BYTES = 262_144  # queued for one slow TCP peer; then it is cut off


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What is taken from a connection, and who may have one."""

    received: Callable[[bytes, Peer], None]
    admits: Callable[[str], bool]
    carries_call: Callable[[Peer], bool]


class Streams:
    """Every connection by its number. A number outlives its connection: what is sent to it opens a new one."""

    def __init__(self, rules: StreamRules) -> None:
        """Start with none."""
        self._rules = rules
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._waiting: dict[int, bytearray] = {}  # by number: what is sent when the connection is open
        self._ours: set[asyncio.Task[None]] = set()
        self._hosts: Counter[str] = Counter()
        self._numbers = 0
        self._closed = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Follow a caller's connection to its end."""
        host, port = writer.get_extra_info("peername")[:2]
        if self._full(host) or not self._rules.admits(host):
            writer.close()
            return
        self._numbers += 1
        self._hosts[host] += 1
        try:
            await self._follow(reader, writer, Peer(host, port, self._numbers))
        finally:
            self._left(host)

    def send(self, data: bytes, peer: Peer) -> None:
        """Send a message on its connection; where that is gone, on one to the address it came from and Via's port."""
        waiting = self._waiting.get(peer.connection)
        if waiting is not None:
            if len(waiting) + len(data) <= MAX_OUT_BYTES:
                waiting += data
            return
        writer = self._writers.get(peer.connection)
        if writer is None or writer.is_closing():
            self._open(peer, data)
            return
        writer.write(data)
        if writer.transport.get_write_buffer_size() > MAX_OUT_BYTES:
            writer.transport.abort()

    async def close(self) -> None:
        """Close every connection; none is opened any more."""
        self._closed = True
        for task in self._ours:
            task.cancel()
        await asyncio.gather(*self._ours, return_exceptions=True)
        for writer in list(self._writers.values()):
            writer.close()

    def _full(self, host: str) -> bool:
        return self._hosts.total() >= MAX_CONNECTIONS or self._hosts[host] >= MAX_CONNECTIONS_OF_HOST

    def _open(self, peer: Peer, data: bytes) -> None:
        if self._closed or self._full(peer.host):
            return  # the transaction times out
        self._hosts[peer.host] += 1
        self._waiting[peer.connection] = bytearray(data)
        task = asyncio.create_task(self._call_back(peer), name=f"sip-connect-{peer.connection}")
        self._ours.add(task)
        task.add_done_callback(self._ours.discard)

    async def _call_back(self, peer: Peer) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(peer.host, peer.port, limit=65_536)
            writer.write(self._waiting.pop(peer.connection))
            await self._follow(reader, writer, peer)
        except OSError:  # TimeoutError is one: nobody listens there, and the transaction times out
            log.info("a SIP connection could not be opened again", extra={"connection": peer.connection})
        finally:
            self._waiting.pop(peer.connection, None)
            self._left(peer.host)

    def _left(self, host: str) -> None:
        self._hosts -= Counter([host])  # drops the name at zero

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        """Take what comes until the connection's end."""
        self._writers[peer.connection] = writer
        try:
            await self._read(reader, peer)
        except (BrokenStreamError, OSError):
            log.info("a SIP connection was closed", extra={"connection": peer.connection})
        finally:
            if self._writers.get(peer.connection) is writer:  # else a newer one has the number already
                del self._writers[peer.connection]
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, peer: Peer) -> None:
        """Take messages until the far side closes, or is silent without a call. Raises BrokenStreamError, OSError."""
        framer = Framer()
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    data = await reader.read(65_536)
            except TimeoutError:
                if self._rules.carries_call(peer):
                    continue
                return
            if not data:
                return
            for message in framer.push(data):
                self._rules.received(message, peer)
