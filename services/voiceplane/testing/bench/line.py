"""The phone of the benchmark: arrival times kept, and a handset that can return the agent's voice as an echo."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from aiortp.dtmf import DtmfEvent

from voiceplane.runtime.clock import Clock
from voiceplane.testing.phone import PhoneCall
from voiceplane.testing.phone.audio import Samples
from voiceplane.testing.phone.recording import Track
from voiceplane.testing.phone.rtp import MediaStream, Microphone

LATE_MS = 20.0  # a packet time: later than this and a phone without a deep buffer plays a hole


@dataclass(slots=True)
class TimedTrack(Track):
    """A track that also keeps each packet's timestamp and arrival, and tells a listener its samples."""

    arrivals: list[tuple[int, float]] = field(default_factory=list)  # RTP timestamp, seconds of the timeline
    echo: "Echo | None" = None

    def place(self, samples: Samples, timestamp: int, *, at: float) -> float:
        """Keep the arrival, then place the packet."""
        self.arrivals.append((timestamp, at))
        if self.echo is not None:
            self.echo.take(samples, at)
        # Not super(): a dataclass with slots is made anew, and the cell of super() still names the old class.
        return Track.place(self, samples, timestamp, at=at)


def lateness_ms(arrivals: list[tuple[int, float]], clock_rate: int) -> tuple[float, ...]:
    """Return how late each packet came, in milliseconds after the earliest schedule that all packets fit.

    The schedule of a run of packets is its timestamps, anchored where no packet comes early. A jump of the timestamp
    (a new talkspurt of a sender that is silent in between) begins a new run.
    """
    late: list[float] = []
    run: list[float] = []
    before: int | None = None
    for timestamp, at in arrivals:
        step = 0 if before is None else ((timestamp - before + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        if before is None or not 0 <= step <= clock_rate:
            late += [1000 * (each - min(run)) for each in run]
            run, elapsed = [], 0.0
        else:
            elapsed += step / clock_rate
        run.append(at - elapsed)
        before = timestamp
    return tuple(late + [1000 * (each - min(run)) for each in run])


class Echo:
    """A line that returns the agent's sound, weaker and later."""

    def __init__(self, clock: Clock, *, started_at: float, gain: float, delay_s: float) -> None:
        """Return what comes `delay_s` later, times `gain`."""
        self._clock, self._started_at, self._gain, self._delay_s = clock, started_at, gain, delay_s
        self._coming: deque[tuple[float, Samples]] = deque(maxlen=500)  # 10 s; the delay is a fraction of it

    def take(self, samples: Samples, at: float) -> None:
        """Take a packet of the agent."""
        self._coming.append((at, samples))

    def due(self) -> Samples | None:
        """Return the packet whose echo comes now."""
        now = self._clock.monotonic() - self._started_at
        if not self._coming or self._coming[0][0] + self._delay_s > now:
            return None
        returned: Samples = np.rint(self._coming.popleft()[1] * self._gain).astype(np.int16)
        return returned


class EchoingMicrophone(Microphone):
    """A microphone that also picks up the loudspeaker."""

    def __init__(self, call: PhoneCall, echo: Echo) -> None:
        """Belong to this call."""
        super().__init__(call.media.codec)
        self._echo = echo

    def next(self) -> Samples | DtmfEvent:
        """Add the echo to what the caller says."""
        content, echo = super().next(), self._echo.due()
        if echo is None or isinstance(content, DtmfEvent) or len(echo) != len(content):
            return content
        both: Samples = np.clip(content.astype(np.int32) + echo, -32768, 32767).astype(np.int16)
        return both


def keep_times(media: MediaStream) -> TimedTrack:
    """Let the call keep arrival times from now on; done at the answer, before the agent's first packet."""
    old = media.recording.agent
    track = TimedTrack(old.sample_rate, old.clock_rate)
    media.recording.agent = track
    return track


def return_echo(call: PhoneCall, track: TimedTrack, clock: Clock, *, loss_db: float, delay_s: float) -> None:
    """Let the call's handset return the agent's voice."""
    echo = Echo(clock, started_at=call.media.started_at, gain=10 ** (-loss_db / 20), delay_s=delay_s)
    track.echo = echo
    call.media.microphone = EchoingMicrophone(call, echo)
