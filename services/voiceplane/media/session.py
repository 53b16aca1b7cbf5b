"""The media of one call: symmetric RTP in and out, keys, RTCP, silence detection. A shell over the pure parts."""

import asyncio
import random
import struct
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from voiceplane.contract.audio import FRAME_MS, SPEECH_RATE, Pcm, WordTime
from voiceplane.media.codecs import CODECS, CodecSpec, decoder, encoder
from voiceplane.media.dtmf import GAP_STEPS, DigitReceiver, event_payloads
from voiceplane.media.pacer import Pacer
from voiceplane.media.playout import Heard, Playout
from voiceplane.media.ports_pool import PortPair
from voiceplane.media.receive import Receiver
from voiceplane.media.resample import Upsampler
from voiceplane.media.rtp import (
    MalformedPacketError,
    ReceiverFacts,
    SenderFacts,
    is_rtcp,
    middle_ntp,
    parse_rtcp,
    parse_rtp,
    sender_report,
)
from voiceplane.runtime.clock import Clock

EVENT_QUEUE = 100  # 2 s of frames; then the oldest is dropped: late audio is worthless to a turn
MAX_QUEUED_S = 12.0  # of synthesized audio per call: a long sentence; more waits in the synthesizer
PACKETS_A_READ = 32  # per wake-up, so that one flooded socket does not starve the others
RTCP_EVERY_S = 5.0
FADE_MS = 30
FRAME_BYTES = SPEECH_RATE * FRAME_MS // 1000 * 2


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of the caller at 16 kHz s16le; `at` is when it ended (loop time)."""

    pcm: bytes
    at: float
    concealed: bool


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys the caller pressed."""

    digits: str
    at: float


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first packet with speech left after silence."""

    at: float


@dataclass(frozen=True, slots=True)
class MediaTimedOut:
    """No packet came for the whole media timeout."""

    at: float


MediaEvent = Frame | Digits | PlayoutStarted | MediaTimedOut


@dataclass(frozen=True, slots=True)
class MediaAgreement:
    """What offer and answer settled. `remote` is where SDP says; symmetric RTP may correct it."""

    codec: str
    remote: tuple[str, int]
    dtmf_payload_type: int | None
    sends: bool = True  # our direction: sendrecv or sendonly


@dataclass(frozen=True, slots=True)
class MediaStatistics:
    """The quality of a call, for its record."""

    codec: str
    sent: int
    received: int
    lost: int
    late: int
    jitter_ms: float
    round_trip_ms: float
    mos: float


class MediaSession:
    """Open it with MediaServer.open_session; start it when the codec is agreed."""

    def __init__(self, pair: PortPair, pacer: Pacer, clock: Clock, *, timeout_s: float) -> None:
        """Wrap bound sockets; nothing is read or sent before start()."""
        self.port = pair.port
        self._pair = pair
        self._pacer = pacer
        self._clock = clock
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue(EVENT_QUEUE)
        self._lock = threading.Lock()  # guards what the pacer's thread reads: address, codec, pending keys
        self._keys: deque[tuple[int, int, bool, bytes] | None] = deque()  # None: a packet of audio between keys
        self._digits = DigitReceiver()
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._sent_packets = self._sent_octets = 0
        self._speaking = False
        self._idle = asyncio.Event()
        self._room = asyncio.Event()
        self._remote: tuple[str, int] = ("", 0)
        self._latched: tuple[str, int] | None = None
        self._last_packet = 0.0
        self._last_sr: tuple[int, float] = (0, 0.0)
        self._round_trip_s = 0.0
        self.started = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, agreement: MediaAgreement) -> None:
        """Begin to receive and send."""
        self._set_codec(agreement)
        self._last_packet = self._clock.monotonic()
        self._loop.add_reader(self._pair.rtp, self._read_rtp)
        self._loop.add_reader(self._pair.rtcp, self._read_rtcp)
        self._tasks = [
            asyncio.create_task(self._tick(), name=f"media-tick-{self.port}"),
            asyncio.create_task(self._report(), name=f"rtcp-{self.port}"),
        ]
        self._pacer.join(self._send_one)
        self.started = True

    def update(self, agreement: MediaAgreement) -> None:
        """Follow a re-INVITE: hold, resume, another address or codec."""
        if agreement.codec != self._spec.name:
            self._set_codec(agreement)
            return
        with self._lock:
            self._remote, self._latched = agreement.remote, None
            self._dtmf_type = agreement.dtmf_payload_type
        self.playout.hold(not agreement.sends)

    def _set_codec(self, agreement: MediaAgreement) -> None:
        spec: CodecSpec = CODECS[agreement.codec]
        frame_samples = spec.frame_samples(FRAME_MS)
        with self._lock:
            self._spec = spec
            self._encode = encoder(spec)
            self._remote, self._latched = agreement.remote, None
            self._dtmf_type = agreement.dtmf_payload_type
            self.playout = Playout(spec.sample_rate, frame_samples)
            self.playout.hold(not agreement.sends)
        self._receiver = Receiver(decoder(spec), frame_samples * 2)
        self._upsampler = Upsampler() if spec.sample_rate != SPEECH_RATE else None

    @property
    def sample_rate(self) -> int:
        """Return the rate at which speech should be synthesized for this call."""
        return self._spec.sample_rate

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Yield frames, keys and the rest until cancelled."""
        while True:
            yield await self._events.get()

    async def play(self, pcm: Pcm, words: tuple[WordTime, ...]) -> None:
        """Queue speech at `sample_rate`; waits while MAX_QUEUED_S are queued."""
        if pcm.sample_rate != self.sample_rate:
            raise ValueError(f"this call plays {self.sample_rate} Hz, not {pcm.sample_rate} Hz")
        while self.playout.queued_s > MAX_QUEUED_S:
            self._room.clear()
            await self._room.wait()
        self._idle.clear()
        self.playout.append(pcm.data, words)

    async def drained(self) -> None:
        """Wait until all queued speech has left."""
        while self.playout.queued_s > 0:
            self._idle.clear()
            await self._idle.wait()

    def begin(self) -> None:
        """Begin a new turn of the agent in the heard ledger."""
        self.playout.begin()

    def clear(self) -> None:
        """Fade out and drop what was not sent."""
        self.playout.clear(FADE_MS)
        self._room.set()

    def heard(self) -> Heard:
        """Return what the caller heard of this turn."""
        return self.playout.heard()

    def send_digits(self, digits: str) -> None:
        """Queue keys as telephone-events; ValueError when the far side did not agree to them."""
        if self._dtmf_type is None:
            raise ValueError("the far side did not offer telephone-event")
        with self._lock:
            for digit in digits:
                for ticks, marker, payload in event_payloads(digit):
                    self._keys.append((ticks, self._dtmf_type, marker, payload))
                self._keys.extend([None] * GAP_STEPS)

    def statistics(self) -> MediaStatistics:
        """Return the quality so far."""
        received = self._receiver.statistics
        loss = received.lost / max(1, received.received + received.lost)
        jitter_ms = received.jitter_s * 1000
        return MediaStatistics(
            self._spec.name,
            self._sent_packets,
            received.received,
            received.lost,
            received.late,
            round(jitter_ms, 2),
            round(self._round_trip_s * 1000, 1),
            round(mean_opinion_score(loss, jitter_ms + self._round_trip_s * 500), 2),
        )

    async def close(self) -> None:
        """Stop; the server gives the ports to quarantine."""
        if not self.started:
            return
        self._pacer.leave(self._send_one)
        self._loop.remove_reader(self._pair.rtp)
        self._loop.remove_reader(self._pair.rtcp)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The pacer's thread

    def _send_one(self) -> bool:
        with self._lock:
            frame = self.playout.next_frame()
            if frame is None:
                self._timestamp = (self._timestamp + 160) % 2**32  # on hold time goes on
                return False
            pcm, speech = frame
            started = speech and not self._speaking
            header, payload = self._packet(pcm, marker=started)
            destination = self._latched or self._remote
            self._sent_packets += 1
            self._sent_octets += len(payload)
        self._pair.rtp.sendto(header + payload, destination)
        if started:
            self._tell(PlayoutStarted(self._clock.monotonic()))
        if self._speaking and not speech:
            self._loop.call_soon_threadsafe(self._idle.set)
        if speech:
            self._loop.call_soon_threadsafe(self._room.set)
        self._speaking = speech
        return True

    def _packet(self, pcm: bytes, *, marker: bool) -> tuple[bytes, bytes]:
        timestamp, payload_type = self._timestamp, self._spec.payload_type
        key = self._keys.popleft() if self._keys else None
        if key is not None:
            ticks, payload_type, marker, payload = key
            timestamp -= ticks
        else:
            payload = self._encode(pcm)
        header = struct.pack(
            "!BBHII", 0x80, (0x80 if marker else 0) | payload_type, self._sequence, timestamp % 2**32, self._ssrc
        )
        self._sequence = (self._sequence + 1) % 65536
        self._timestamp = (self._timestamp + 160) % 2**32
        return header, payload

    def _tell(self, event: MediaEvent) -> None:
        self._loop.call_soon_threadsafe(self._put, event)

    # The event loop

    def _put(self, event: MediaEvent) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    def _read_rtp(self) -> None:
        for _ in range(PACKETS_A_READ):
            try:
                data, source = self._pair.rtp.recvfrom(2048)
            except (BlockingIOError, ConnectionError):
                return
            if is_rtcp(data):
                self._take_rtcp(data)
            else:
                self._take_rtp(data, source)

    def _take_rtp(self, data: bytes, source: tuple[str, int]) -> None:
        now = self._clock.monotonic()
        try:
            packet = parse_rtp(data)
        except MalformedPacketError:
            return
        if packet.payload_type not in (self._spec.payload_type, self._dtmf_type) or not self._trusts(source, now):
            return
        self._last_packet = now
        if packet.payload_type == self._dtmf_type:
            self._receiver.skip(packet.sequence)
            digits = self._digits.receive(packet)
            if digits:
                self._put(Digits(digits, now))
        elif 0 < len(packet.payload) <= 800:  # up to 100 ms in a packet
            self._deliver(self._receiver.receive(packet, now), now)

    def _trusts(self, source: tuple[str, int], now: float) -> bool:
        """Latch to the first source (symmetric RTP); another is believed only after a second of quiet."""
        if self._latched is None or (source != self._latched and now - self._last_packet > 1.0):
            self._latched = source
        return source == self._latched

    def _deliver(self, frames: list[tuple[bytes, bool]], now: float) -> None:
        count = len(frames)
        for index, (pcm, concealed) in enumerate(frames):
            wide = self._upsampler.push(pcm) if self._upsampler else pcm
            at = now - (count - 1 - index) * FRAME_MS / 1000
            self._put(Frame(wide, at, concealed))

    def _read_rtcp(self) -> None:
        try:
            data, _ = self._pair.rtcp.recvfrom(2048)
        except (BlockingIOError, ConnectionError):
            return
        self._take_rtcp(data)

    def _take_rtcp(self, data: bytes) -> None:
        try:
            reports, sender = parse_rtcp(data)
        except MalformedPacketError:
            return
        if sender is not None and sender[0] == self._receiver.statistics.ssrc:
            self._last_sr = (sender[1], self._clock.monotonic())
        for report in reports:
            if report.ssrc == self._ssrc and report.last_sr:
                elapsed = (middle_ntp(self._clock.wall_ns()) - report.last_sr) % 2**32 / 65536
                round_trip_s = elapsed - report.delay_since_sr_s
                if 0 <= round_trip_s < 10:
                    self._round_trip_s = round_trip_s

    async def _tick(self) -> None:
        told = False
        while True:
            await asyncio.sleep(FRAME_MS / 1000)
            now = self._clock.monotonic()
            self._deliver(self._receiver.tick(now), now)
            silent_s = now - self._last_packet
            if silent_s > self._timeout_s and not told and not self.playout_held:
                told = True
                self._put(MediaTimedOut(now))
            elif silent_s < self._timeout_s:
                told = False

    @property
    def playout_held(self) -> bool:
        """Say whether the far side holds the call: then silence is no fault."""
        return self.playout.is_held

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(RTCP_EVERY_S * random.uniform(0.5, 1.5))  # RFC 3550 section 6.2: not in step
            received = self._receiver.statistics
            block = None
            if received.received:
                last_sr, at = self._last_sr
                delay = self._clock.monotonic() - at if last_sr else 0.0
                share = received.lost / (received.received + received.lost)
                block = ReceiverFacts(
                    received.ssrc, share, received.lost, received.highest_sequence, received.jitter_s, last_sr, delay
                )
            sender = SenderFacts(self._ssrc, self._timestamp, self._sent_packets, self._sent_octets)
            host, port = self._latched or self._remote
            try:
                self._pair.rtcp.sendto(sender_report(sender, block, self._clock.wall_ns()), (host, port + 1))
            except (OSError, OverflowError):  # nobody reads our reports: no harm to the call
                continue


def mean_opinion_score(loss: float, delay_ms: float) -> float:
    """Estimate MOS by the E-model, reduced to loss and delay (ITU-T G.107; constants for G.711 with concealment)."""
    delay_impairment = 0.024 * delay_ms + max(0.0, 0.11 * (delay_ms - 177.3))
    loss_impairment = 95 * loss * 100 / (loss * 100 + 25.1)
    r = max(0.0, min(100.0, 93.2 - delay_impairment - loss_impairment))
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
