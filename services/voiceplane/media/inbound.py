"""What comes to the RTP port of one call becomes events for it: frames of 16 kHz, keys, a media timeout.

latch (whose packets count) -> receive (order, concealment) -> 16 kHz. No socket and no clock: session.py brings both.
"""

from collections.abc import Callable

from voiceplane.contract.audio import FRAME_MS, SPEECH_RATE
from voiceplane.media.codecs import CODECS, CodecSpec, decoder
from voiceplane.media.dtmf import DigitReceiver, Key
from voiceplane.media.latch import Address, SourceLatch
from voiceplane.media.ports import Digits, Frame, MediaEvent, MediaSettings, MediaTimedOut
from voiceplane.media.receive import Frames, Receiver, ReceiveStatistics
from voiceplane.media.resample import Upsampler
from voiceplane.media.rtp import MalformedPacketError, parse_rtp

MAX_PAYLOAD = 800  # bytes: 100 ms
COMFORT_NOISE_TYPE = 13  # RFC 3389


class Inbound:
    """The caller's direction of one call. `put` takes the events."""

    def __init__(
        self, latch: SourceLatch, settings: MediaSettings, *, put: Callable[[MediaEvent], None], now: float
    ) -> None:
        """Begin with PCMU, until expect() names what was agreed."""
        self.latch = latch
        self._settings = settings
        self._put = put
        self._digits = DigitReceiver()
        self._payload_type: int | None = None
        self._dtmf_type: int | None = None
        self._use_codec(CODECS["PCMU"])
        self._frames = 0
        self._last_packet = now
        self._timeout_told = False

    @property
    def statistics(self) -> ReceiveStatistics:
        """Return what was received, over all codecs of the call."""
        return self._receiver.statistics

    def expect(self, spec: CodecSpec, payload_type: int, *, dtmf_type: int | None) -> None:
        """Take packets of these types from now on; the counters and what is on its way stay with the same codec."""
        self._payload_type, self._dtmf_type = payload_type, dtmf_type
        if spec != self._spec:
            before = self._receiver
            self._use_codec(spec)
            self._receiver.take_over(before)

    def _use_codec(self, spec: CodecSpec) -> None:
        self._spec = spec
        self._receiver = Receiver(
            decoder(spec),
            spec.frame_samples(FRAME_MS) * 2,
            self._settings.min_wait_ms / 1000,
            self._settings.max_wait_ms / 1000,
        )
        self._upsampler = Upsampler() if spec.sample_rate != SPEECH_RATE else None

    def resumed(self, now: float) -> None:
        """Begin to wait for packets anew: the silence of a hold is no fault of the line."""
        self._last_packet = now

    def take(self, data: bytes, source: Address, now: float) -> bool:
        """Take what should be an RTP packet; say whether it is the caller's, and so where ours go to."""
        try:
            packet = parse_rtp(data)
        except MalformedPacketError:
            return False
        if packet.payload_type not in (self._payload_type, self._dtmf_type, COMFORT_NOISE_TYPE):
            return False
        if not self.latch.accepts(source, packet.ssrc, now):
            return False
        self._last_packet = now
        if packet.payload_type == self._payload_type and 0 < len(packet.payload) <= MAX_PAYLOAD:
            self._deliver(self._receiver.receive(packet, now), now)
            return True
        self._deliver(self._receiver.skip(packet, now), now)
        if packet.payload_type == self._dtmf_type:
            self._tell_keys(self._digits.receive(packet, now), now)
        return True

    def tick(self, now: float, *, is_held: bool) -> None:
        """Let time pass: gaps, silence, lost ends of keys, the media timeout."""
        self._deliver(self._receiver.tick(now), now)
        self._tell_keys(self._digits.tick(now), now)
        silent = now - self._last_packet > self._settings.timeout_s and not is_held
        if silent and not self._timeout_told:
            self._put(MediaTimedOut(now))
        self._timeout_told = silent

    def _deliver(self, frames: Frames, now: float) -> None:
        count = len(frames)
        for place, (pcm, concealed) in enumerate(frames):
            wide = self._upsampler.push(pcm) if self._upsampler else pcm
            at = now - (count - 1 - place) * FRAME_MS / 1000
            self._put(Frame(wide, at, concealed, self._frames))
            self._frames += 1

    def _tell_keys(self, keys: list[Key], now: float) -> None:
        for key in keys:
            self._put(Digits(key.key, now, key.duration_ms))
