"""The phone's RTP: a microphone that never stops, an ear that records. Owned by call.py.

A packet leaves each 20 ms, speech or silence, as from a real phone; the clock of the packets is the schedule, so a
late wake-up makes one packet late and never shifts those after it.
"""

import asyncio
import secrets
from collections import deque

import numpy as np
from aiortp.dtmf import DTMF_EVENTS, DtmfEvent, DtmfReceiver
from aiortp.packet import RtpPacket, is_rtcp

from voiceplane.contract.audio import FRAME_MS
from voiceplane.runtime.clock import Clock
from voiceplane.testing.phone.audio import Samples, level
from voiceplane.testing.phone.codecs import CLOCK_RATE, CodecName
from voiceplane.testing.phone.recording import new_recording
from voiceplane.testing.phone.stamped import StampedSocket
from voiceplane.testing.phone.timings import GATE

_TICKS = CLOCK_RATE * FRAME_MS // 1000  # RTP timestamp units in a packet
_DIGIT_PACKETS = 5  # 100 ms of tone, above the 40 ms that receivers must accept
_GAP_PACKETS = 4  # 80 ms between digits
_END_PACKETS = 3  # RFC 4733 section 2.5.1.4: the end is sent three times
MAX_DIGITS = 64


class Microphone:
    """What to send next: speech that was asked for, key presses, else silence. Pure: one call is one packet time."""

    def __init__(self, codec: CodecName) -> None:
        """Start silent."""
        self._frame = codec.sample_rate * FRAME_MS // 1000
        self._speech: Samples = np.zeros(0, dtype=np.int16)
        self._keys: deque[DtmfEvent | None] = deque()  # at most MAX_DIGITS digits of a few packets; None is a gap
        self.idle = asyncio.Event()
        self.idle.set()

    def say(self, samples: Samples) -> None:
        """Speak these samples from the next packet on, after what is being spoken."""
        self._speech = np.concatenate((self._speech, samples))
        self.idle.clear()

    def press(self, digits: str) -> None:
        """Press keys from the next packet on; ValueError on a key that no phone has."""
        unknown = [digit for digit in digits if digit.upper() not in DTMF_EVENTS]
        if unknown or len(digits) > MAX_DIGITS:
            raise ValueError(f"keys are 0-9 * # A-D, at most {MAX_DIGITS}, not {digits!r}")
        for digit in digits:
            event = DTMF_EVENTS[digit.upper()]
            for count in range(1, _DIGIT_PACKETS + 1):
                self._keys.append(DtmfEvent(event, end=count == _DIGIT_PACKETS, volume=10, duration=count * _TICKS))
            self._keys.extend([None] * _GAP_PACKETS)
        self.idle.clear()

    def next(self) -> Samples | DtmfEvent:
        """Return what the next packet carries."""
        key = self._keys.popleft() if self._keys else None
        if key is None and not self._keys and len(self._speech):
            frame, self._speech = self._speech[: self._frame], self._speech[self._frame :]
            frame = np.pad(frame, (0, self._frame - len(frame)))
        else:
            frame = np.zeros(self._frame, dtype=np.int16)
        if not self._keys and not len(self._speech):
            self.idle.set()
        return key if key is not None else frame


class MediaStream:
    """One RTP socket: sends the microphone's packets, records and judges what comes."""

    def __init__(self, host: str, codec: CodecName, clock: Clock) -> None:
        """Bind a free port; both directions are empty, and the timeline starts at `start`."""
        self._clock = clock
        self._socket = StampedSocket(host, clock, lambda data, arrived_at: self.receive(data, arrived_at))
        self.local = self._socket.local
        self.remote: tuple[str, int] | None = None
        self.event_type: int | None = None
        self.sending = True
        self.use(codec)
        self._ssrc, self._sequence = secrets.randbits(32), secrets.randbits(15)
        self._timestamp = secrets.randbits(32)
        self._event_start = 0
        self._highest: int | None = None
        self.received = self.lost = self.sent = 0
        self.worst_send_lateness_ms = 0.0
        self.first_packet_at: float | None = None  # clock seconds
        self.last_sound_at: float | None = None  # clock seconds of the last packet above the gate
        self.sounds = 0  # packets above the gate so far
        self.digits: list[str] = []
        self._keys_heard = DtmfReceiver(lambda digit, duration: self.digits.append(digit))

    def use(self, codec: CodecName) -> None:
        """Take the codec that both sides agreed on; called before any packet of the call."""
        self.codec = codec
        self._coder = codec.open()
        self.microphone = Microphone(codec)
        self.recording = new_recording(codec.sample_rate, CLOCK_RATE)
        self.started_at = self._clock.monotonic()

    async def pace(self) -> None:
        """Send a packet each 20 ms until cancelled."""
        due = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            self.worst_send_lateness_ms = max(self.worst_send_lateness_ms, (now - due) * 1000)
            self._send_next(due)
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))

    def _send_next(self, due: float) -> None:
        content = self.microphone.next()
        if isinstance(content, DtmfEvent):
            if content.duration == _TICKS:
                self._event_start = self._timestamp
            for _ in range(_END_PACKETS if content.end else 1):
                marker = 1 if content.duration == _TICKS else 0
                self._send(self.event_type, content.serialize(), self._event_start, marker=marker)
        else:
            payload = self._coder.encode(content.astype("<i2").tobytes())
            self._send(self.codec.payload_type, payload, self._timestamp, marker=0)
            heard_from = due - self.started_at - FRAME_MS / 1000  # the microphone took these samples before `due`
            if self.sending:
                self.recording.caller.place(content, self._timestamp, at=heard_from)
        self._timestamp = (self._timestamp + _TICKS) & 0xFFFFFFFF

    def _send(self, payload_type: int | None, payload: bytes, timestamp: int, *, marker: int) -> None:
        if payload_type is None or not self.sending or self.remote is None:
            return
        packet = RtpPacket(payload_type, marker, self._sequence, timestamp, self._ssrc, payload)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._socket.send(packet.serialize(), self.remote)
        self.sent += 1

    def receive(self, data: bytes, arrived_at: float) -> None:
        """Record a packet of the agent that came at `arrived_at`; RTCP and what is no RTP are dropped."""
        if len(data) < 12 or is_rtcp(data):
            return
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            return
        self._count(packet.sequence_number)
        if packet.payload_type == self.event_type:
            if len(packet.payload) >= 4:
                self._keys_heard.handle_packet(packet)
        elif packet.payload_type == self.codec.payload_type:
            samples = np.frombuffer(self._coder.decode(packet.payload), dtype="<i2").astype(np.int16)
            self.recording.agent.place(samples, packet.timestamp, at=arrived_at - self.started_at)
            self.first_packet_at = self.first_packet_at or arrived_at
            if level(samples) >= GATE:
                self.last_sound_at = arrived_at
                self.sounds += 1

    def _count(self, sequence: int) -> None:
        self.received += 1
        step = 1 if self._highest is None else ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if step > 0:
            self._highest = sequence
            self.lost += step - 1
        elif self.lost:
            self.lost -= 1  # a reordered packet was counted as lost

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
