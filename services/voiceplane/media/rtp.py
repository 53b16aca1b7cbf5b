"""RTP and RTCP packets as values. Parsing is aiortp's, behind two functions; ours are the bounds and the errors."""

import struct
from dataclasses import dataclass

from aiortp.packet import RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSenderInfo, RtcpSrPacket
from aiortp.packet import RtpPacket as AiortpPacket

MAX_PACKET_BYTES = 1500
NTP_EPOCH_S = 2_208_988_800  # 1970 in NTP's era (RFC 3550 section 4)


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


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """What the far side says of our stream (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: float
    packets_lost: int
    jitter_s: float
    last_sr: int
    delay_since_sr_s: float


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


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP from RTP by the packet type (RFC 5761 section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def parse_rtcp(data: bytes) -> tuple[list[ReceptionReport], tuple[int, int] | None]:
    """Read a compound packet: the reports about us, and (ssrc, middle of the NTP time) of a sender report."""
    if len(data) > MAX_PACKET_BYTES:
        raise MalformedPacketError("larger than 1500 bytes")
    try:
        packets = RtcpPacket.parse(data)
    except (ValueError, IndexError, struct.error) as error:
        raise MalformedPacketError(str(error)) from error
    reports: list[ReceptionReport] = []
    sender: tuple[int, int] | None = None
    for packet in packets:
        if isinstance(packet, RtcpSrPacket):
            sender = (packet.ssrc, packet.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF)
        if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
            reports += [
                ReceptionReport(r.ssrc, r.fraction_lost / 256, r.packets_lost, r.jitter / 8000, r.lsr, r.dlsr / 65536)
                for r in packet.reports
            ]
    return reports, sender


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """Our stream, for a sender report."""

    ssrc: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class ReceiverFacts:
    """The received stream, for a report block."""

    ssrc: int
    fraction_lost: float
    lost: int
    highest_sequence: int
    jitter_s: float
    last_sr: int
    delay_since_sr_s: float


def sender_report(sender: SenderFacts, receiver: ReceiverFacts | None, wall_ns: int) -> bytes:
    """Write a sender report with at most one report block (RFC 3550 section 6.4.1)."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    ntp = (seconds + NTP_EPOCH_S) << 32 | (rest << 32) // 1_000_000_000
    info = RtcpSenderInfo(ntp, sender.rtp_timestamp, sender.packets & 0xFFFFFFFF, sender.octets & 0xFFFFFFFF)
    blocks = []
    if receiver is not None:
        blocks.append(
            RtcpReceiverInfo(
                receiver.ssrc,
                min(255, int(receiver.fraction_lost * 256)),
                min(receiver.lost, 0x7FFFFF),
                receiver.highest_sequence & 0xFFFFFFFF,
                int(receiver.jitter_s * 8000),
                receiver.last_sr,
                int(receiver.delay_since_sr_s * 65536) & 0xFFFFFFFF,
            )
        )
    return bytes(RtcpSrPacket(sender.ssrc, info, blocks))


def middle_ntp(wall_ns: int) -> int:
    """Return the middle 32 bits of an NTP time, as LSR has it."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    return ((seconds + NTP_EPOCH_S) << 16 | (rest << 16) // 1_000_000_000) & 0xFFFFFFFF
