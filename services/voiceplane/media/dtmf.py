"""Keys by telephone-event packets (RFC 4733), both ways. Pure: packets in, keys out, and keys to packets."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from voiceplane.media.rtp import RtpPacket

KEYS = "0123456789*#ABCD"
STEP = 160  # clock ticks a packet: 20 ms
TONE_STEPS = 5  # 100 ms
GAP_STEPS = 4  # 80 ms
END_PACKETS = 3  # RFC 4733 section 2.5.1.4: the end is sent three times
VOLUME = 10  # -10 dBm0
LOST_END_S = 0.2  # no packet of an open event for this long: its end packets were lost
LONGEST = 0xFFFF  # ticks: a longer event goes on as a new segment (section 2.5.1.3)


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed."""

    key: str
    duration_ms: int


@dataclass(slots=True)
class DigitReceiver:
    """Reads one call's events; each key is told once, even when all of its end packets are lost."""

    _timestamp: int | None = None
    _key: str = ""
    _duration: int = 0  # ticks, of the open or last event's current segment
    _before: int = 0  # ticks of its segments before that
    _open: bool = False
    _last_at: float = 0.0

    def receive(self, packet: RtpPacket, now: float) -> list[Key]:
        """Take a telephone-event packet; return the keys that are now certain."""
        if len(packet.payload) < 4 or packet.payload[0] >= len(KEYS):
            return []
        event, flags, duration = struct.unpack("!BBH", packet.payload[:4])
        keys: list[Key] = []
        if packet.timestamp != self._timestamp:
            ahead = 0 if self._timestamp is None else (packet.timestamp - self._timestamp) % 2**32
            if ahead >= 2**31:
                return []  # a copy of an event that is over, out of order
            if self._open and KEYS[event] == self._key and ahead == LONGEST:
                self._before += LONGEST
            else:
                keys += self._close()  # an open event's end was lost: the next event proves that it is over
                self._key, self._before, self._open = KEYS[event], 0, True
            self._timestamp, self._duration = packet.timestamp, 0
        self._duration = max(self._duration, duration)
        self._last_at = now
        if flags & 0x80:
            keys += self._close()
        return keys

    def tick(self, now: float) -> list[Key]:
        """Let time pass: an event without packets is over."""
        return self._close() if self._open and now - self._last_at > LOST_END_S else []

    def _close(self) -> list[Key]:
        if not self._open:
            return []
        self._open = False
        return [Key(self._key, (self._before + self._duration) // 8)]


def event_payloads(digit: str) -> Iterator[tuple[int, bool, bytes]]:
    """Yield (ticks since the key went down, marker, payload) for one key; ValueError for what is not a key."""
    event = KEYS.index(digit.upper())
    for step in range(TONE_STEPS):
        yield step * STEP, step == 0, struct.pack("!BBH", event, VOLUME, (step + 1) * STEP)
    for step in range(TONE_STEPS, TONE_STEPS + END_PACKETS):  # the duration stays, only the clock went on
        yield step * STEP, False, struct.pack("!BBH", event, 0x80 | VOLUME, TONE_STEPS * STEP)
