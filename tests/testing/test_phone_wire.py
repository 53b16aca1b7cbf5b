"""The phone's TCP stream is cut into messages however it comes, without a word on a body that is still on its way."""

import asyncio
import logging

import pytest

from voiceplane.testing.phone.wire import Address, Message, TcpWire

BODY = b"v=0\r\n"
HEADERS = b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n"
PEER = ("192.0.2.1", 5060)


class Connection(asyncio.Transport):
    """Where the stream would come from."""

    closed = False

    def get_extra_info(self, name: str, default: object = None) -> Address:
        return PEER

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("length", [b"Content-Length: 5", b"content-length :5 ", b"l: 5"])
@pytest.mark.parametrize("size", [1, 40, 1000])
def test_messages_are_cut_by_content_length_without_a_warning(
    length: bytes, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    received: list[Message] = []
    wire = TcpWire(lambda message, source: received.append(message))
    wire.connection_made(Connection())
    stream = (HEADERS + length + b"\r\n\r\n" + BODY) * 2 + b"\r\n\r\n" + HEADERS + b"\r\n"
    with caplog.at_level(logging.WARNING):
        for start in range(0, len(stream), size):
            wire.data_received(stream[start : start + size])
    assert [message.body for message in received] == [b"v=0\r\n", b"v=0\r\n", b""]
    assert caplog.messages == []


def test_a_head_without_an_end_closes_the_connection() -> None:
    wire, connection = TcpWire(lambda message, source: None), Connection()
    wire.connection_made(connection)
    wire.data_received(b"x" * 70_000)
    assert connection.closed
