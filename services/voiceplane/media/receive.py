"""Packets in any order become frames in time: order, gaps concealed, silence where nothing comes. Pure.

A recognizer wants frames early, not evenly spaced: a packet in order is passed on at once; behind a gap packets wait,
for a time that follows the measured jitter, before the gap is concealed. So the buffer costs nothing on a clean line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from voiceplane.media.codecs import CLOCK_PER_FRAME, RTP_CLOCK_HZ
from voiceplane.media.plc import Concealer
from voiceplane.media.rtp import RtpPacket

FRAME_S = 0.02
MAX_FILL_TICKS = 25 * CLOCK_PER_FRAME  # silence for one jump of the timestamp: half a second, the rest is not made up
FILL_SLACK_S = 0.1  # silence between two packets cannot have lasted longer than the time between them and some jitter
MAX_HELD = 16  # packets behind a gap: more than the longest wait holds
QUIET_S = 0.04  # this long over the wait without a packet: the caller's side is taken as silent (DTX, mute)
RESTART_BACK = 1000  # a sequence number this far behind is a new stream (RFC 3550 appendix A.1 uses 3000)
RESTART_AHEAD_TICKS = RTP_CLOCK_HZ  # a second lost is not made up: it would only delay what the caller says now
REMEMBERED = 200  # concealed sequence numbers: enough to tell a late packet from a copy

Frames = list[tuple[bytes, bool]]  # PCM of 20 ms, and whether its end was made up


@dataclass(slots=True)
class ReceiveStatistics:
    """What RTCP and the call record report. The first six count over all streams of the call."""

    received: int = 0
    lost: int = 0  # given up: concealed or passed over
    late: int = 0  # of these, came after they were given up
    duplicate: int = 0
    concealed: int = 0
    jitter_s: float = 0.0  # RFC 3550 section 6.4.1
    ssrc: int = 0
    base_sequence: int = 0  # extended, of the current stream
    highest_sequence: int = 0  # extended
    stream_received: int = 0  # of the current stream, without copies

    @property
    def stream_expected(self) -> int:
        """Return how many packets the current stream has had (RFC 3550 appendix A.3)."""
        return self.highest_sequence - self.base_sequence + 1 if self.stream_received else 0


@dataclass(slots=True)
class Receiver:
    """One direction of one call. `decode` turns a payload into s16le; one byte of payload is one clock tick."""

    decode: Callable[[bytes], bytes]
    frame_bytes: int  # of 20 ms of s16le at the codec's rate
    min_wait_s: float = 0.02
    max_wait_s: float = 0.12
    statistics: ReceiveStatistics = field(default_factory=ReceiveStatistics)
    _concealer: Concealer = field(init=False)
    _next_sequence: int | None = None  # extended
    _next_timestamp: int = 0
    _packet_ticks: int = CLOCK_PER_FRAME  # of the last packet
    _held: dict[int, RtpPacket | None] = field(default_factory=dict)  # None: a packet without audio
    _given_up: set[int] = field(default_factory=set)
    _gap_since: float | None = None
    _last_arrival: float | None = None
    _last_transit: float | None = None
    _unframed: bytearray = field(default_factory=bytearray)  # less than a frame: packets need not be 20 ms
    _made_until: float = 0.0  # silence was made up to here

    def __post_init__(self) -> None:
        """Set up the concealment at the codec's rate."""
        self._concealer = Concealer(self.frame_bytes // 2 * 50)

    def receive(self, packet: RtpPacket, now: float) -> Frames:
        """Take a packet; return the frames that are now due, each with whether it was made up."""
        if self._next_sequence is None or packet.ssrc != self.statistics.ssrc:
            self._restart(packet)
        sequence = self._extend(packet.sequence)
        ahead = sequence - self._expected()
        if ahead < -RESTART_BACK or ahead * self._packet_ticks > RESTART_AHEAD_TICKS:
            self.statistics.lost += max(0, ahead)
            self._restart(packet)
            sequence = self._expected()
        if not self._admit(sequence):
            return []
        self._measure(packet, now)
        elapsed = now - self._last_arrival if self._last_arrival is not None else 0.0
        self._last_arrival = self._made_until = now
        self._held[sequence] = packet
        return self._due(now, elapsed)

    def skip(self, packet: RtpPacket, now: float) -> Frames:
        """Take note of a packet without audio (RFC 4733 keys, comfort noise): its number is not a loss."""
        if self._next_sequence is None or packet.ssrc != self.statistics.ssrc:
            return []
        sequence = self._extend(packet.sequence)
        if abs(sequence - self._next_sequence) >= MAX_HELD or not self._admit(sequence):
            return []
        self._held[sequence] = None
        return self._due(now, 0.0)

    def tick(self, now: float) -> Frames:
        """Let time pass: give up on a gap, or make up silence where no packets come."""
        if self._last_arrival is None:
            return []
        frames = self._due(now, 0.0)
        if not frames and not self._held and now - self._last_arrival > QUIET_S + self.wait_s:
            while self._made_until + FRAME_S <= now:
                self._made_until += FRAME_S
                self._next_timestamp += CLOCK_PER_FRAME  # else the next packet's jump would fill it again
                frames += self._framed(self._concealer.conceal(self.frame_bytes // 2), made_up=True)
        return frames

    def take_over(self, old: "Receiver") -> None:
        """Go on with the counters of the receiver before a change of codec."""
        self.statistics = old.statistics

    @property
    def wait_s(self) -> float:
        """Return how long a gap is waited for: four times the jitter, within bounds."""
        return min(self.max_wait_s, max(self.min_wait_s, 4 * self.statistics.jitter_s))

    def _expected(self) -> int:
        assert self._next_sequence is not None
        return self._next_sequence

    def _restart(self, packet: RtpPacket) -> None:
        first = packet.sequence + 65536  # room below, for packets that come before the first
        statistics = self.statistics
        statistics.ssrc, statistics.stream_received = packet.ssrc, 0
        statistics.base_sequence = statistics.highest_sequence = first
        self._next_sequence = first
        self._next_timestamp = packet.timestamp
        self._held.clear()
        self._given_up.clear()
        self._gap_since = self._last_transit = None

    def _extend(self, sequence: int) -> int:
        near = self._expected()
        return near + (sequence - near + 32768) % 65536 - 32768

    def _admit(self, sequence: int) -> bool:
        """Count a packet; False for one that is late or a copy."""
        statistics = self.statistics
        if sequence in self._held or (sequence < self._expected() and sequence not in self._given_up):
            statistics.duplicate += 1
            return False
        statistics.received += 1
        statistics.stream_received += 1
        statistics.highest_sequence = max(statistics.highest_sequence, sequence)
        if sequence in self._given_up:
            self._given_up.discard(sequence)
            statistics.late += 1
            return False
        return True

    def _measure(self, packet: RtpPacket, now: float) -> None:
        transit = now - packet.timestamp / RTP_CLOCK_HZ
        if self._last_transit is not None:
            difference = abs(transit - self._last_transit)
            if difference < 1.0:  # a wrap or a jump of the timestamp is not jitter
                self.statistics.jitter_s += (difference - self.statistics.jitter_s) / 16
        self._last_transit = transit

    def _due(self, now: float, elapsed: float) -> Frames:
        frames: Frames = []
        while self._held:
            sequence = self._expected()
            if sequence in self._held:
                packet = self._held.pop(sequence)
                if packet is not None:
                    frames += self._played(packet, elapsed)
                    self._gap_since = None
            else:
                if self._gap_since is None:
                    self._gap_since = now
                if now - self._gap_since < self.wait_s and len(self._held) < MAX_HELD:
                    break
                frames += self._give_up(sequence)
            self._next_sequence = sequence + 1
        if not self._held:
            self._gap_since = None
        return frames

    def _give_up(self, sequence: int) -> Frames:
        self.statistics.lost += 1
        self.statistics.concealed += 1
        self._given_up.add(sequence)
        if len(self._given_up) > REMEMBERED:
            self._given_up.discard(min(self._given_up))
        self._next_timestamp += self._packet_ticks
        return self._framed(self._concealer.conceal(self._samples(self._packet_ticks)), made_up=True)

    def _played(self, packet: RtpPacket, elapsed: float) -> Frames:
        frames: Frames = []
        missing = (packet.timestamp - self._next_timestamp) % 2**32
        possible = int((elapsed + FILL_SLACK_S) * RTP_CLOCK_HZ)
        if 0 < missing < 2**31:
            fill = min(missing, MAX_FILL_TICKS, possible)
            frames += self._framed(self._concealer.conceal(self._samples(fill)), made_up=True)
        self._packet_ticks = len(packet.payload)
        self._next_timestamp = packet.timestamp + self._packet_ticks
        return frames + self._framed(self._concealer.heard(self.decode(packet.payload)), made_up=False)

    def _samples(self, ticks: int) -> int:
        return ticks * (self.frame_bytes // 2) // CLOCK_PER_FRAME

    def _framed(self, pcm: bytes, *, made_up: bool) -> Frames:
        self._unframed += pcm
        frames: Frames = []
        while len(self._unframed) >= self.frame_bytes:
            frames.append((bytes(self._unframed[: self.frame_bytes]), made_up))
            del self._unframed[: self.frame_bytes]
        return frames
