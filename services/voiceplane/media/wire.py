"""Send a datagram without giving up the interpreter lock. Used by the pacer's thread only.

socket.sendto releases the lock around the system call, and to have it back the thread waits a whole switch interval
behind a busy event loop: for every packet of every call. A UDP send that may not block takes microseconds; the lock is
kept (ctypes.PyDLL), so one tick waits for the lock once, however many calls it serves.
"""

import ctypes
import os
import socket
import struct

_libc = ctypes.PyDLL(None, use_errno=True)
_sendto = _libc.sendto
_sendto.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
_sendto.restype = ctypes.c_ssize_t

FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


def socket_address(host: str, port: int) -> bytes:
    """Return a struct sockaddr_in; OSError when the host is not an IPv4 address."""
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def send_datagram(descriptor: int, data: bytes, address: bytes) -> None:
    """Send at once or not at all; OSError says why not (BlockingIOError: the socket's buffer is full)."""
    if _sendto(descriptor, data, len(data), FLAGS, address, len(address)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
