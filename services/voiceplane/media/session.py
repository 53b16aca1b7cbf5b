"""The media of one call: symmetric RTP in and out, keys, RTCP, media timeout. A shell over the pure parts.

In: socket -> inbound.py -> inbox -> the call. Out: the call -> playout -> sender, on the pacer's thread. The server
ticks every session each 20 ms.
"""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from voiceplane.contract.audio import SPEECH_RATE, Pcm, WordTime
from voiceplane.media.codecs import CODECS, CodecSpec
from voiceplane.media.inbound import Inbound
from voiceplane.media.inbox import Inbox
from voiceplane.media.latch import Address, SourceLatch, destination
from voiceplane.media.pacer import Lateness, Pacer
from voiceplane.media.playout import Playout
from voiceplane.media.ports import (
    Digits,
    Frame,
    Heard,
    MediaAgreement,
    MediaEvent,
    MediaSettings,
    MediaStatistics,
    MediaTimedOut,
    PlayoutStarted,
)
from voiceplane.media.ports_pool import PortPair
from voiceplane.media.quality import summarized
from voiceplane.media.reports import MAX_DATAGRAM, Reports
from voiceplane.media.resample import Fitter
from voiceplane.media.rtcp import is_rtcp
from voiceplane.media.sender import Sender, SenderEvents
from voiceplane.runtime.clock import Clock

__all__ = [  # what the call layer imports from here
    "Digits",
    "Frame",
    "Heard",
    "MediaAgreement",
    "MediaEvent",
    "MediaSession",
    "MediaStatistics",
    "MediaTimedOut",
    "PlayoutStarted",
]

MAX_QUEUED_S = 12.0  # of synthesized audio per call: a long sentence; more waits in the synthesizer
PACKETS_A_READ = 32  # per wake-up, so that one flooded socket does not starve the others
FADE_MS = 30


class MediaSession:
    """Open it with MediaServer.open_session; start it when the codec is agreed."""

    def __init__(self, pair: PortPair, pacer: Pacer, clock: Clock, settings: MediaSettings) -> None:
        """Wrap bound sockets; nothing is read or sent before start()."""
        self.port = pair.port
        self.started = False
        self._pair = pair
        self._pacer = pacer
        self._clock = clock
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._progress = asyncio.Event()  # playout has room or ran dry
        self._clearings = 0  # how often what waited was dropped
        self._closed = False
        self.playout = Playout(SPEECH_RATE, settings.comfort_noise)
        self._sender = Sender(pair.rtp, self.playout, SenderEvents(self._tell_started, self._tell_progress))
        self._reports = Reports(pair.rtcp, self._sender, clock)
        self._spec = CODECS["PCMU"]  # until start()
        self._fitter = Fitter(self._spec.sample_rate)

    def start(self, agreement: MediaAgreement) -> None:
        """Begin to receive and send."""
        now = self._clock.monotonic()
        latch = SourceLatch(destination(agreement.remote))
        self._inbound = Inbound(latch, self._settings, put=self._inbox.put, now=now)
        self._use_codec(agreement)
        self._sender.send_to(latch.signalled)
        self._reports.start(now)
        self._loop.add_reader(self._pair.rtp, self._read_rtp)
        self._loop.add_reader(self._pair.rtcp, self._read_rtcp)
        self._lateness = self._pacer.join(self._sender)
        self.started = True

    def update(self, agreement: MediaAgreement) -> None:
        """Follow a re-INVITE: hold, resume, another address or codec. Queued speech and the ledger stay."""
        was_held = self.playout.is_held
        self._use_codec(agreement)
        latch = self._inbound.latch
        latch.renegotiate(destination(agreement.remote))
        self._sender.send_to(latch.source or latch.signalled)
        if was_held and agreement.sends:
            self._inbound.resumed(self._clock.monotonic())

    def _use_codec(self, agreement: MediaAgreement) -> None:
        spec: CodecSpec = CODECS[agreement.codec]
        self._dtmf_type = agreement.dtmf_payload_type
        payload_type = spec.payload_type if agreement.payload_type is None else agreement.payload_type
        self.playout.hold(not agreement.sends)
        self._inbound.expect(spec, payload_type, dtmf_type=self._dtmf_type)
        if spec != self._spec:
            self._fitter = Fitter(spec.sample_rate)
        self._spec = spec
        self._sender.use_codec(spec, payload_type)

    @property
    def sample_rate(self) -> int:
        """Return the rate at which speech for this call is best synthesized."""
        return self._spec.sample_rate

    async def events(self) -> AsyncIterator[MediaEvent]:
        """Yield frames, keys and the rest until cancelled."""
        while True:
            yield await self._inbox.get()

    async def play(self, pcm: Pcm, words: tuple[WordTime, ...]) -> None:
        """Queue speech of 8 or 16 kHz; waits while MAX_QUEUED_S are queued, and is dropped with these."""
        if pcm.sample_rate not in (8000, 16_000):
            raise ValueError(f"a call plays 8000 or 16000 Hz, not {pcm.sample_rate} Hz")
        belongs_to = self._clearings
        while self.playout.queued_s > MAX_QUEUED_S and not self._closed:
            self._progress.clear()
            await self._progress.wait()
            if belongs_to != self._clearings:
                return
        self.playout.append(self._fitter.push(pcm.data, pcm.sample_rate), words)

    async def drained(self) -> None:
        """Wait until all queued speech has left."""
        while self.playout.pending and not self._closed:
            self._progress.clear()
            await self._progress.wait()

    def begin(self) -> None:
        """Begin a new turn of the agent in the heard ledger."""
        self.playout.begin()
        self._clearings += 1
        self._progress.set()

    def clear(self) -> Heard:
        """Fade out and drop what was not sent; return what was heard up to now."""
        self.playout.clear(FADE_MS)
        self._clearings += 1
        self._progress.set()
        return self.playout.heard()

    def suspend(self) -> None:
        """Fade out and keep the rest of the turn in hand; resume() or clear() comes next."""
        self.playout.suspend(FADE_MS)

    def resume(self) -> None:
        """Go on at the beginning of the word that was cut."""
        self.playout.resume()
        self._progress.set()

    def shielded_s(self) -> float:
        """Return for how long what is on the wire now may not be interrupted; 0: it may."""
        return self.playout.shielded_s()

    def sent(self, seconds: float) -> bytes:
        """Return the newest sound that left, 16 kHz s16le: what an echo would be made of.

        Samples of 8 kHz are doubled, not interpolated: an echo is known by what lies below 2 kHz, and this is cheap.
        """
        pcm, rate = self.playout.reference(seconds)
        return pcm if rate == SPEECH_RATE else np.repeat(np.frombuffer(pcm, "<i2"), SPEECH_RATE // rate).tobytes()

    def heard(self) -> Heard:
        """Return what the caller heard of this turn."""
        return self.playout.heard()

    def send_digits(self, digits: str) -> None:
        """Queue keys as telephone-events; ValueError when the far side did not agree to them."""
        if self._dtmf_type is None:
            raise ValueError("the far side did not offer telephone-event")
        self._sender.queue_keys(digits, self._dtmf_type)

    def lateness(self) -> Lateness:
        """Return how late this call's packets left. Only after start()."""
        return self._lateness.read()

    def statistics(self) -> MediaStatistics:
        """Return the quality so far."""
        sender, reporter = self._sender, self._reports.reporter
        received = self._inbound.statistics
        return summarized(self._spec.name, received, reporter, sent=sender.packets, unsent=sender.unsent)

    async def close(self) -> None:
        """Say goodbye and stop; the server gives the ports to quarantine."""
        self._closed = True
        self._progress.set()
        self._sender.close()
        if not self.started:
            return
        self._pacer.leave(self._sender)
        self._loop.remove_reader(self._pair.rtp)
        self._loop.remove_reader(self._pair.rtcp)
        self._reports.goodbye(self._inbound.latch)

    # From the pacer's thread

    def _tell_started(self, rtp_timestamp: int) -> None:
        self._from_thread(PlayoutStarted(self._clock.monotonic(), rtp_timestamp))

    def _tell_progress(self, before: int, after: int) -> None:
        """Wake those who wait in play() and drained(), only when what they wait for has come."""
        most = MAX_QUEUED_S * self.playout.sample_rate
        if after == 0 or after <= most < before:
            self._from_thread(None)

    def _from_thread(self, event: MediaEvent | None) -> None:
        if not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(*((self._progress.set,) if event is None else (self._inbox.put, event)))

    # From the event loop

    def tick(self, now: float) -> None:
        """Let time pass, every 20 ms."""
        if not self.started or self._closed:
            return
        self._inbound.tick(now, is_held=self.playout.is_held)
        self._reports.tick(now, self._inbound.statistics, self._inbound.latch)

    def _read_rtp(self) -> None:
        for _ in range(PACKETS_A_READ):
            try:
                data, source = self._pair.rtp.recvfrom(MAX_DATAGRAM)
            except OSError:  # nothing more, or the network's complaint about what we sent
                return
            self.take_datagram(data, source)

    def take_datagram(self, data: bytes, source: Address) -> None:
        """Take what came to the RTP port, whatever it is."""
        if is_rtcp(data):
            self._reports.take(data, source, self._inbound.statistics.ssrc, latch=self._inbound.latch)
        elif self._inbound.take(data, source, self._clock.monotonic()):
            self._sender.send_to(source)

    def _read_rtcp(self) -> None:
        self._reports.read(self._inbound.statistics.ssrc, self._inbound.latch)
