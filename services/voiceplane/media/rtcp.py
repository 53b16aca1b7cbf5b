"""The reports about a stream, both ways (RFC 3550 section 6). Pure: bytes and time in, bytes and round trip out.

Packets are parsed and written by aiortp; the counting between reports is ours.
"""

import struct
from dataclasses import dataclass

from aiortp.packet import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from voiceplane.media.receive import ReceiveStatistics
from voiceplane.media.rtp import MAX_PACKET_BYTES, MalformedPacketError

NTP_EPOCH_S = 2_208_988_800  # 1970 in NTP's era (RFC 3550 section 4)
MAX_ROUND_TRIP_S = 10.0  # more is a lie or a clock that was set
LATE_S = 0.2  # a packet that takes so much longer than the last way there is lost to any jitter buffer
SDES_CNAME = 1
Bits32 = 2**32


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """What the far side says of our stream (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: float
    packets_lost: int
    jitter_s: float
    last_sr: int
    delay_since_sr_s: float
    highest_sequence: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """What of our stream had reached the far side: packets up to `highest`, of those sent at least `age_s` ago."""

    highest: int
    age_s: float


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """Our stream, for a sender report."""

    ssrc: int
    rtp_timestamp: int
    packets: int
    octets: int


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
                ReceptionReport(
                    r.ssrc,
                    r.fraction_lost / 256,
                    r.packets_lost,
                    r.jitter / 8000,
                    r.lsr,
                    r.dlsr / 65536,
                    r.highest_sequence,
                )
                for r in packet.reports
            ]
    return reports, sender


def middle_ntp(wall_ns: int) -> int:
    """Return the middle 32 bits of an NTP time, as LSR has it."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    return ((seconds + NTP_EPOCH_S) << 16 | (rest << 16) // 1_000_000_000) & 0xFFFFFFFF


@dataclass(slots=True)
class Reporter:
    """Both directions' reports of one call."""

    ssrc: int
    cname: str  # random, it must not tell who we are (RFC 7022)
    round_trip_s: float = 0.0
    remote_lost: int = 0  # of our packets
    _last_sr: tuple[int, float] = (0, 0.0)  # middle of its NTP time, when it came
    _expected: int = 0  # at the last report, of stream _stream
    _received: int = 0
    _stream: int = 0
    _packets: int = 0  # sent at the last report

    def receive(self, data: bytes, stream_ssrc: int, *, now: float, wall_ns: int) -> Reached | None:
        """Take a compound packet, say what of ours arrived; MalformedPacketError for anything else.

        A report without the time of one of our own (LSR) may be of any age: it says nothing about what arrived.
        """
        reached: Reached | None = None
        reports, sender = parse_rtcp(data)
        if sender is not None and sender[0] == stream_ssrc:
            self._last_sr = (sender[1], now)
        for report in reports:
            if report.ssrc != self.ssrc:
                continue
            self.remote_lost = max(0, report.packets_lost)
            if report.last_sr:
                elapsed_s = (middle_ntp(wall_ns) - report.last_sr) % Bits32 / 65536
                round_trip_s = elapsed_s - report.delay_since_sr_s
                if 0 <= round_trip_s < MAX_ROUND_TRIP_S:
                    self.round_trip_s = round_trip_s
                    reached = Reached(report.highest_sequence, round_trip_s + LATE_S)
        return reached

    def report(self, sender: SenderFacts, received: ReceiveStatistics, *, now: float, wall_ns: int) -> bytes:
        """Write SR (or RR if nothing was sent since the last) and SDES (RFC 3550 section 6.1)."""
        blocks = [self._block(received, now)] if received.stream_received else []
        first: RtcpSrPacket | RtcpRrPacket
        if sender.packets != self._packets:
            seconds, rest = divmod(wall_ns, 1_000_000_000)
            ntp = ((seconds + NTP_EPOCH_S) << 32 | (rest << 32) // 1_000_000_000) % 2**64
            info = RtcpSenderInfo(ntp, sender.rtp_timestamp, sender.packets % Bits32, sender.octets % Bits32)
            first = RtcpSrPacket(self.ssrc, info, blocks)
        else:
            first = RtcpRrPacket(self.ssrc, blocks)
        self._packets = sender.packets
        return bytes(first) + self._description()

    def goodbye(self) -> bytes:
        """Write the last packet: an empty RR, SDES and BYE (RFC 3550 section 6.6)."""
        return bytes(RtcpRrPacket(self.ssrc, [])) + self._description() + bytes(RtcpByePacket([self.ssrc]))

    def _description(self) -> bytes:
        return bytes(RtcpSdesPacket([RtcpSourceInfo(self.ssrc, [(SDES_CNAME, self.cname.encode("ascii"))])]))

    def _block(self, received: ReceiveStatistics, now: float) -> RtcpReceiverInfo:
        if received.ssrc != self._stream:
            self._stream, self._expected, self._received = received.ssrc, 0, 0
        expected, got = received.stream_expected, received.stream_received
        interval = max(0, expected - self._expected)
        lost = max(0, interval - (got - self._received))
        self._expected, self._received = expected, got
        middle, at = self._last_sr
        return RtcpReceiverInfo(
            ssrc=received.ssrc,
            fraction_lost=min(255, lost * 256 // interval) if interval else 0,
            packets_lost=max(-0x800000, min(expected - got, 0x7FFFFF)),
            highest_sequence=received.highest_sequence % Bits32,
            jitter=int(received.jitter_s * 8000) % Bits32,
            lsr=middle,
            dlsr=int((now - at) * 65536) % Bits32 if middle else 0,
        )
