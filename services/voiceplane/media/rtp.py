"""RTP packets as values. Parsing is aiortp's, behind one function; ours are the bounds and the errors."""

import struct
from dataclasses import dataclass

from aiortp.packet import RtpPacket as AiortpPacket

MAX_PACKET_BYTES = 1500


class MalformedPacketError(ValueError):
    """Bytes that are not RTP or RTCP; dropped and counted."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet (RFC 3550 section 5.1)."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket:
    """Read a packet; MalformedPacketError for anything else."""
    if len(data) > MAX_PACKET_BYTES:
        raise MalformedPacketError("larger than 1500 bytes")
    try:
        packet = AiortpPacket.parse(data)
    except (ValueError, IndexError, struct.error) as error:
        raise MalformedPacketError(str(error)) from error
    return RtpPacket(
        packet.payload_type,
        packet.sequence_number,
        packet.timestamp,
        packet.ssrc,
        bool(packet.marker),
        packet.payload,
    )


def serialize_rtp(packet: RtpPacket) -> bytes:
    """Write a packet without extensions: 12 bytes and the payload."""
    marker = 0x80 if packet.marker else 0
    header = struct.pack("!BBHII", 0x80, marker | packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc)
    return header + packet.payload
