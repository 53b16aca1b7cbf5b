"""Which head a worker of a plain Ray joins, and when it leaves it. Read by nodes; knows no ray."""

import contextlib
import socket


def replaced(joined: str, heads: frozenset[str]) -> bool:
    """Say whether a worker's head is gone for good: another one is ready. None at all may only be starting again."""
    return bool(heads) and joined not in heads


def addresses(name: str) -> frozenset[str]:
    """Return the addresses of the heads that are ready; none while the name leads nowhere."""
    with contextlib.suppress(OSError):
        return frozenset(str(one[4][0]) for one in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    return frozenset()
