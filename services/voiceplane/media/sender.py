"""The outgoing half of a call: playout or keys to packets, on the pacer's thread. Owned by session.

Sequence, timestamp and SSRC go on through codec changes, hold and refused packets; a packet the kernel refuses is kept
and offered again, so that the ledger holds only what left.
"""

import math
import random
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from voiceplane.contract.audio import FRAME_MS
from voiceplane.media.codecs import CLOCK_PER_FRAME, CodecSpec, frame_encoder
from voiceplane.media.dtmf import GAP_STEPS, event_payloads
from voiceplane.media.latch import Address, destination
from voiceplane.media.playout import OutFrame, Playout
from voiceplane.media.rtcp import SenderFacts
from voiceplane.media.wire import send_datagram, socket_address

MAX_KEYS = 64  # per call, waiting: the longest account number and more; 12 s of tones


@dataclass(frozen=True, slots=True)
class _Key:
    ticks: int  # since the key went down
    payload_type: int
    marker: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Packet:
    payload_type: int
    marker: bool
    payload: bytes
    ticks: int
    frame: OutFrame | None  # None: a key


@dataclass(frozen=True, slots=True)
class SenderEvents:
    """What the sender tells, on the pacer's thread."""

    started: Callable[[int], None]  # the RTP timestamp of the first packet with speech after silence
    progressed: Callable[[int, int], None]  # samples pending before and after a packet


class Sender:
    """Packets of one call; `prepare` and `send` are called by the pacer only."""

    def __init__(self, sock: socket.socket, playout: Playout, events: SenderEvents) -> None:
        """Begin at random numbers (RFC 3550 section 5.1), with nowhere to send to."""
        self.ssrc = random.getrandbits(32)
        self.packets = self.octets = self.unsent = 0
        self._socket = sock
        self._playout = playout
        self._events = events
        self._lock = threading.Lock()  # guards what both threads use: the codec, the address, the keys, the socket
        self._keys: deque[_Key | None] = deque()  # None: 20 ms between two keys
        self._sequence = random.getrandbits(16)  # goes on beyond 16 bits, as a receiver counts it
        self._ticks = 0  # of the pacer: a clock of 20 ms
        self._timestamp = random.getrandbits(32)
        self._prepared: _Packet | None = None
        self._speaking = False
        self._turn = 0  # of the newest frame that left
        self._address: bytes | None = None
        self._closed = False

    @property
    def facts(self) -> SenderFacts:
        """Return the counters for a sender report."""
        return SenderFacts(self.ssrc, self._timestamp, self.packets, self.octets)

    def use_codec(self, spec: CodecSpec, payload_type: int) -> None:
        """Encode by this codec from the next packet on."""
        with self._lock:
            if self._prepared is not None and self._prepared.frame is not None:
                self._playout.put_back(self._prepared.frame)
            self._prepared = None
            self._encode = frame_encoder(spec)
            self._payload_type = payload_type
            self._playout.change_rate(spec.sample_rate)

    def send_to(self, address: Address | None) -> None:
        """Send there from the next packet on; None: nowhere."""
        usable = destination(address) if address is not None else None
        packed = socket_address(*usable) if usable is not None else None
        with self._lock:
            self._address = packed

    def queue_keys(self, digits: str, payload_type: int) -> None:
        """Queue telephone-events; ValueError for what is not a key or too much of it."""
        steps: list[_Key | None] = []
        for digit in digits:
            steps += [_Key(ticks, payload_type, marker, payload) for ticks, marker, payload in event_payloads(digit)]
            steps += [None] * GAP_STEPS
        with self._lock:
            if len(self._keys) + len(steps) > MAX_KEYS * 12:
                raise ValueError(f"more than {MAX_KEYS} keys wait")
            self._keys.extend(steps)

    def prepare(self) -> None:
        """Take and encode what the next packet carries; what was refused last time goes first."""
        with self._lock:
            if self._prepared is not None or self._closed or self._address is None:
                return
            waiting = bool(self._keys) and not self._playout.is_held  # on hold nothing leaves
            key = self._keys.popleft() if waiting else None
            if key is not None:
                self._prepared = _Packet(key.payload_type, key.marker, key.payload, key.ticks, None)
                return
            frame = self._playout.next_frame(pause=waiting)
            if frame is not None:
                started = frame.samples > 0 and not self._speaking
                self._prepared = _Packet(self._payload_type, started, self._encode(frame.pcm), 0, frame)

    def send(self) -> bool:
        """Send what was prepared; the RTP clock goes on in any case."""
        with self._lock:
            now = self._timestamp
            self._ticks += 1
            self._timestamp = (now + CLOCK_PER_FRAME) % 2**32
            packet = self._prepared
            if packet is None or self._closed or self._address is None:
                return False
            first = 0x80 | packet.payload_type if packet.marker else packet.payload_type
            stamp = (now - packet.ticks) % 2**32
            header = struct.pack("!BBHII", 0x80, first, self._sequence % 65536, stamp, self.ssrc)
            try:
                send_datagram(self._socket.fileno(), header + packet.payload, self._address)
            except OSError:  # a full buffer, or a network that is gone for now
                self.unsent += 1
                return False
            self._prepared = None
            sequence, tick = self._sequence, self._ticks
            self._sequence += 1
            self.packets += 1
            self.octets += len(packet.payload)
        if packet.frame is not None:
            self._account(packet.frame, stamp, sequence=sequence, tick=tick)
        return True

    def close(self) -> None:
        """Send nothing any more: after this the socket may be closed."""
        with self._lock:
            self._closed = True

    def reported(self, highest: int, age_s: float) -> None:
        """Take a receiver report: the `highest` that arrived, of packets of which those `age_s` old could have."""
        with self._lock:
            due = self._ticks - math.ceil(age_s * 1000 / FRAME_MS)
        self._playout.reported(highest, due)

    def _account(self, frame: OutFrame, stamp: int, *, sequence: int, tick: int) -> None:
        before, after = self._playout.confirm(frame, sequence=sequence, tick=tick)
        # A turn that follows at once has no silence before it, and begins all the same.
        started = frame.samples > 0 and (not self._speaking or frame.turn != self._turn)
        self._speaking, self._turn = frame.samples > 0, frame.turn
        if started:
            self._events.started(stamp)
        if before != after:
            self._events.progressed(before, after)
