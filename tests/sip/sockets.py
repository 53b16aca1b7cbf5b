"""A SipServer on real loopback sockets, and a caller's ways to it. For the tests of the server and its streams."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from voiceplane.runtime.clock import SystemClock
from voiceplane.sip.admission import Limits
from voiceplane.sip.agent import UserAgent
from voiceplane.sip.events import CallRefused
from voiceplane.sip.framing import Framer
from voiceplane.sip.message import Request, Response, parse
from voiceplane.sip.server import IncomingCall, SipServer
from voiceplane.sip.state import AgentSettings

WAIT_S = 10.0  # a deadline for a hung test, not a measurement


@dataclass
class Running:
    server: SipServer
    refused: list[CallRefused] = field(default_factory=list)
    calls: "asyncio.Queue[IncomingCall]" = field(default_factory=asyncio.Queue)


@contextlib.asynccontextmanager
async def running(limits: Limits | None = None) -> AsyncIterator[Running]:
    refused: list[CallRefused] = []
    agent = UserAgent(AgentSettings(port=0), limits or Limits())
    server = SipServer(agent, SystemClock(), refused=refused.append)
    async with server.listening("127.0.0.1", 0):
        state = Running(server, refused)

        async def take() -> None:
            async for call in server.calls():
                state.calls.put_nowait(call)

        taking = asyncio.create_task(take(), name="take")
        try:
            yield state
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


class Udp(asyncio.DatagramProtocol):
    """A caller's socket."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.put_nowait(data)


@dataclass
class Line:
    """A caller's way to the server: what it sends, and one whole message at a time back."""

    send: "asyncio.DatagramTransport | asyncio.StreamWriter"
    got: "asyncio.Queue[bytes]"

    def put(self, data: bytes) -> None:
        if isinstance(self.send, asyncio.StreamWriter):
            self.send.write(data)
        else:
            self.send.sendto(data)

    async def message(self) -> Request | Response:
        return parse(await asyncio.wait_for(self.got.get(), WAIT_S))

    async def response(self) -> Response:
        message = await self.message()
        assert isinstance(message, Response)
        return message

    async def status(self) -> int:
        return (await self.response()).status_code

    async def end(self) -> None:
        """Close a connection, and wait until the server has closed it too."""
        assert isinstance(self.send, asyncio.StreamWriter)
        self.send.write_eof()
        assert await asyncio.wait_for(self.got.get(), WAIT_S) == b"closed"


@contextlib.asynccontextmanager
async def line(port: int, transport: str) -> AsyncIterator[Line]:
    if transport == "udp":
        loop = asyncio.get_running_loop()
        sender, protocol = await loop.create_datagram_endpoint(Udp, remote_addr=("127.0.0.1", port))
        try:
            yield Line(sender, protocol.got)
        finally:
            sender.close()
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    way = Line(writer, asyncio.Queue())
    reading = asyncio.create_task(_read(reader, way), name="read")
    try:
        yield way
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader, way: Line) -> None:
    framer = Framer()
    with contextlib.suppress(OSError):  # a reset closes too
        while data := await reader.read(65_536):
            for message in framer.push(data):
                way.got.put_nowait(message)
    way.got.put_nowait(b"closed")


@dataclass
class Listener:
    """A caller's own port: each connection to it is a line."""

    port: int
    came: "asyncio.Queue[Line]"

    async def line(self) -> Line:
        return await asyncio.wait_for(self.came.get(), WAIT_S)


@contextlib.asynccontextmanager
async def listener() -> AsyncIterator[Listener]:
    came: asyncio.Queue[Line] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        way = Line(writer, asyncio.Queue())
        came.put_nowait(way)
        await _read(reader, way)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield Listener(server.sockets[0].getsockname()[1], came)
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()
