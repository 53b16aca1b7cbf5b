"""Whose packets are the caller's: symmetric RTP with a guard. Pure; asked by session for every RTP packet.

SDP may name a private address, so the source of the packets decides (RFC 4961); an open port also gets strangers'
packets, so a source is believed for good only when it is where SDP said, or has sent CONFIRM_PACKETS. After that only
the same stream (SSRC) or the same host may move, and only once the old source has gone quiet.
"""

import ipaddress
from dataclasses import dataclass

Address = tuple[str, int]

CONFIRM_PACKETS = 4
QUIET_SAME_STREAM_S = 0.1  # a NAT gave the same stream another port
QUIET_SAME_HOST_S = 1.0  # the caller's device began a new stream from another port


def destination(address: Address) -> Address | None:
    """Return an address that can be sent to; None for port 0, names (a lookup would stall every call) and groups."""
    host, port = address
    try:
        ip = ipaddress.IPv4Address(host)
    except ValueError:
        return None
    if not 0 < port < 65536 or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return None
    return host, port


@dataclass(slots=True)
class SourceLatch:
    """The source of one call's stream."""

    signalled: Address | None  # by SDP
    source: Address | None = None
    _ssrc: int = 0
    _packets: int = 0  # from `source`
    _last_at: float = 0.0
    refused: int = 0

    def renegotiate(self, signalled: Address | None) -> None:
        """Begin anew when SDP names another address; a refresh with the same one changes nothing."""
        if signalled != self.signalled:
            self.signalled, self.source, self._packets = signalled, None, 0

    def accepts(self, source: Address, ssrc: int, now: float) -> bool:
        """Say whether a packet is the caller's; may move the latch to it."""
        if source != self.source:
            if not self._may_move(source, ssrc, now):
                self.refused += 1
                return False
            self.source, self._packets = source, 0
        self._packets += 1
        self._ssrc, self._last_at = ssrc, now
        return True

    def _may_move(self, source: Address, ssrc: int, now: float) -> bool:
        if self.source is None or source == self.signalled:
            return True
        if self.source != self.signalled and self._packets < CONFIRM_PACKETS:
            return True
        quiet_s = now - self._last_at
        if ssrc == self._ssrc:
            return quiet_s > QUIET_SAME_STREAM_S
        return source[0] == self.source[0] and quiet_s > QUIET_SAME_HOST_S
