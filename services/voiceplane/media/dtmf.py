"""Keys by telephone-event packets (RFC 4733), both ways. Pure: packets in, digits out, and digits to packets."""

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


@dataclass(slots=True)
class DigitReceiver:
    """Reads one call's events; each key is told once, even when its end packets are lost."""

    _timestamp: int | None = None
    _key: str = ""
    _told: bool = True

    def receive(self, packet: RtpPacket) -> str:
        """Take a telephone-event packet; return the keys that are now certain, as a rule none or one."""
        if len(packet.payload) < 4 or packet.payload[0] >= len(KEYS):
            return ""
        event, flags, _duration = struct.unpack("!BBH", packet.payload[:4])
        digits = ""
        if packet.timestamp != self._timestamp:
            if not self._told:
                digits += self._key  # its end was lost: the next event proves that it is over
            self._timestamp, self._key, self._told = packet.timestamp, KEYS[event], False
        if flags & 0x80 and not self._told:
            self._told = True
            digits += self._key
        return digits


def event_payloads(digit: str) -> Iterator[tuple[int, bool, bytes]]:
    """Yield (ticks since the key went down, marker, payload) for one key; ValueError for what is not a key."""
    event = KEYS.index(digit.upper())
    for step in range(TONE_STEPS):
        yield step * STEP, step == 0, struct.pack("!BBH", event, VOLUME, (step + 1) * STEP)
    for step in range(TONE_STEPS, TONE_STEPS + END_PACKETS):  # the duration stays, only the clock went on
        yield step * STEP, False, struct.pack("!BBH", event, 0x80 | VOLUME, TONE_STEPS * STEP)
