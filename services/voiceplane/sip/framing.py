"""Cut a TCP stream into SIP messages by Content-Length (RFC 3261 section 18.3). Pure: bytes in, messages out."""

import re

MAX_HEAD_BYTES = 32_768
MAX_BODY_BYTES = 32_768
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


class BrokenStreamError(ValueError):
    """The stream cannot be cut into messages any more: close the connection."""


class Framer:
    """The reader of one connection."""

    def __init__(self) -> None:
        """Start at the beginning of a message."""
        self._buffer = bytearray()

    def push(self, data: bytes) -> list[bytes]:
        """Take bytes; return the messages that are whole now; BrokenStreamError when a bound is passed."""
        self._buffer += data
        messages: list[bytes] = []
        while True:
            while self._buffer[:2] == b"\r\n":  # keep-alive (RFC 5626 section 3.5.1)
                del self._buffer[:2]
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise BrokenStreamError("a header section without end")
                return messages
            found = _LENGTH.search(self._buffer[:head_end])
            if found is None:
                raise BrokenStreamError("a message without Content-Length")
            length = int(found[1])
            if length > MAX_BODY_BYTES:
                raise BrokenStreamError("a body larger than 32 kB")
            end = head_end + 4 + length
            if len(self._buffer) < end:
                return messages
            messages.append(bytes(self._buffer[:end]))
            del self._buffer[:end]
