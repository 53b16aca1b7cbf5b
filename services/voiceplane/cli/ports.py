"""Choose ports for the stack's processes. Triton cannot be told to pick one, and a restarted part keeps its port."""

import errno
import os
import random
import socket
from collections import deque
from collections.abc import Iterator

# Below Linux's range for outgoing connections (32768 on), so that none takes a port before its process binds it.
FIRST, LAST = 24_000, 32_000
SIP_PORT = 5060
CLAIMS = 64  # of this process, more than a stack has ports; those that are older have been bound or are not needed
_claims: deque[int] = deque()


class NoFreePortError(Exception):
    """Every port that was tried is taken, or none may be bound; the message says why and what to do."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether both TCP and UDP can be bound now; NoFreePortError when they never can."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
                raise NoFreePortError(_refusal(host, port, error)) from error
    return True


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is no IPv4 address of this machine: --host wants one that `hostname -I` lists, or 127.0.0.1"
    return f"port {port} cannot be used on {host}: {(error.strerror or str(error)).lower()}; choose one over 1023"


def claimed(port: int) -> bool:
    """Claim a port against others who choose one before its process has bound it; False when it is another's.

    A claim is a Unix socket of that name in Linux' abstract namespace: the kernel drops it with the process.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0voiceplane-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim.detach())
    if len(_claims) > CLAIMS:
        os.close(_claims.popleft())
    return True


def free_ports(host: str = "127.0.0.1") -> Iterator[int]:
    """Yield free ports, each once and no other process's; NoFreePortError when there are none."""
    candidates = random.sample(range(FIRST, LAST), 2000)
    yield from (port for port in candidates if is_free(port, host) and claimed(port))
    raise NoFreePortError(f"no free port between {FIRST} and {LAST} on {host}")


def sip_port(host: str, wanted: int | None) -> int:
    """Return the wanted port, 5060 if it is free, else any free one."""
    if wanted is not None:
        if not is_free(wanted, host):
            raise NoFreePortError(
                f"SIP port {wanted} on {host} is taken: end what has it (ss -anp | grep :{wanted}), choose another, or "
                "leave --sip-port out for any free one"
            )
        return wanted
    return SIP_PORT if is_free(SIP_PORT, host) and claimed(SIP_PORT) else next(free_ports(host))
