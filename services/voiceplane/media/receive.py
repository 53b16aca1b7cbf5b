"""Packets in any order become frames in time: order, gaps concealed, silence where nothing comes. Pure.

A recognizer wants frames early, not evenly spaced: a packet in order is passed on at once; behind a gap packets wait,
for a time that follows the measured jitter, before the gap is concealed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from voiceplane.media.rtp import RtpPacket

FRAME_S = 0.02
MIN_WAIT_S, MAX_WAIT_S = 0.02, 0.12
MAX_FILL = 25  # frames of silence for one jump of the timestamp: half a second, the rest is not made up
MAX_HELD = 16  # packets behind a gap: more than MAX_WAIT_S holds
QUIET_S = 0.06  # after this long without a packet the caller's side is taken as silent (DTX, mute)
RESTART_BACK = 1000  # a sequence number this far behind is a new stream (RFC 3550 appendix A.1 uses 3000)
RESTART_AHEAD = 50  # a second lost is not made up: it would only delay what the caller says now


@dataclass(slots=True)
class ReceiveStatistics:
    """What RTCP and the call record report of the received stream."""

    received: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0
    concealed: int = 0
    jitter_s: float = 0.0  # RFC 3550 section 6.4.1
    highest_sequence: int = 0  # extended
    ssrc: int = 0


@dataclass(slots=True)
class Receiver:
    """One direction of one call. `decode` turns a payload into s16le of one frame."""

    decode: Callable[[bytes], bytes]
    frame_bytes: int
    clock_per_frame: int = 160
    statistics: ReceiveStatistics = field(default_factory=ReceiveStatistics)
    _next_sequence: int | None = None  # extended
    _next_timestamp: int = 0
    _held: dict[int, RtpPacket] = field(default_factory=dict)
    _gap_since: float | None = None
    _last_arrival: float | None = None
    _last_transit: float | None = None
    _last_frame: bytes = b""
    _repeats: int = 0
    _made_until: float = 0.0  # silence was made up to here

    def receive(self, packet: RtpPacket, now: float) -> list[tuple[bytes, bool]]:
        """Take a packet; return the frames that are now due, each with whether it was made up."""
        statistics = self.statistics
        if self._next_sequence is None or packet.ssrc != statistics.ssrc:
            self._restart(packet)
        assert self._next_sequence is not None
        sequence = self._extend(packet.sequence)
        self._measure(packet, now)
        self._last_arrival = self._made_until = now
        if sequence < self._next_sequence:
            if self._next_sequence - sequence > RESTART_BACK:
                self._restart(packet)
                sequence = self._next_sequence
            else:
                statistics.late += 1
                return []
        if sequence in self._held:
            statistics.duplicate += 1
            return []
        if sequence - self._next_sequence > RESTART_AHEAD:
            statistics.lost += sequence - self._next_sequence
            self._restart(packet)
            sequence = self._next_sequence
        self._held[sequence] = packet
        statistics.highest_sequence = max(statistics.highest_sequence, sequence)
        return self._due(now)

    def tick(self, now: float) -> list[tuple[bytes, bool]]:
        """Let time pass: give up on a gap, or make up silence where no packets come."""
        if self._last_arrival is None:
            return []
        frames = self._due(now)
        if not frames and not self._held and now - self._last_arrival > QUIET_S:
            while self._made_until + FRAME_S <= now:
                self._made_until += FRAME_S
                frames.append((bytes(self.frame_bytes), True))
        return frames

    def skip(self, sequence: int) -> None:
        """Take note of a packet that carries no audio (RFC 4733): its number is not a loss."""
        if self._next_sequence is not None and self._extend(sequence) == self._next_sequence:
            self._next_sequence += 1

    @property
    def wait_s(self) -> float:
        """Return how long a gap is waited for: four times the jitter, within bounds."""
        return min(MAX_WAIT_S, max(MIN_WAIT_S, 4 * self.statistics.jitter_s))

    def _restart(self, packet: RtpPacket) -> None:
        self.statistics.ssrc = packet.ssrc
        self._next_sequence = packet.sequence + 65536
        self._next_timestamp = packet.timestamp
        self._held.clear()
        self._gap_since = self._last_transit = None

    def _extend(self, sequence: int) -> int:
        assert self._next_sequence is not None
        near = self._next_sequence
        delta = (sequence - near + 32768) % 65536 - 32768
        return near + delta

    def _measure(self, packet: RtpPacket, now: float) -> None:
        self.statistics.received += 1
        transit = now - packet.timestamp / 8000
        if self._last_transit is not None:
            difference = abs(transit - self._last_transit)
            if difference < 1.0:  # a wrap or a jump of the timestamp is not jitter
                self.statistics.jitter_s += (difference - self.statistics.jitter_s) / 16
        self._last_transit = transit

    def _due(self, now: float) -> list[tuple[bytes, bool]]:
        frames: list[tuple[bytes, bool]] = []
        while self._held:
            assert self._next_sequence is not None
            packet = self._held.pop(self._next_sequence, None)
            if packet is not None:
                frames += self._played(packet)
                self._next_sequence += 1
                self._gap_since = None
                continue
            if self._gap_since is None:
                self._gap_since = now
            if now - self._gap_since < self.wait_s and len(self._held) < MAX_HELD:
                break
            frames.append((self._concealment(), True))
            self.statistics.lost += 1
            self._next_sequence += 1
            self._next_timestamp += self.clock_per_frame
        return frames

    def _played(self, packet: RtpPacket) -> list[tuple[bytes, bool]]:
        missing = (packet.timestamp - self._next_timestamp) % 2**32
        silent = missing // self.clock_per_frame if missing < 2**31 else 0
        frames = [(bytes(self.frame_bytes), True)] * min(silent, MAX_FILL)
        pcm = self.decode(packet.payload)
        self._next_timestamp = (
            packet.timestamp + len(packet.payload)
        ) % 2**32  # all three codecs: one byte a clock tick
        self._last_frame, self._repeats = pcm[-self.frame_bytes :], 0
        for start in range(0, len(pcm), self.frame_bytes):
            frames.append((pcm[start : start + self.frame_bytes].ljust(self.frame_bytes, b"\0"), False))
        return frames

    def _concealment(self) -> bytes:
        """Repeat the last frame, each time at half the level: silence after five (ITU-T G.711 appendix I fades too)."""
        self._repeats += 1
        self.statistics.concealed += 1
        if self._repeats > 5 or not self._last_frame:
            return bytes(self.frame_bytes)
        samples = np.frombuffer(self._last_frame, "<i2") >> self._repeats
        return samples.astype("<i2").tobytes().ljust(self.frame_bytes, b"\0")
